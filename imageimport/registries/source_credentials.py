"""Opens what a task holds sealed, in the worker and only for as long as the attempt lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone
from django.utils.translation import gettext_noop

from imageimport.choices import Transport
from imageimport.models import Credential, ImportTask
from oci.errors import OciError
from oci.layout import url as bundle_url
from oci.redaction import remember
from oci.reference.parser import Reference, connect_host, parse_reference
from oci.registry.auth.credentials import Credential as SourceCredential


@contextmanager
def open_source(task: ImportTask) -> Iterator[tuple[Reference, SourceCredential | None]]:
    """The source and the credential for it, bound to its host; the log forgets it when the block ends.

    :raises OciError: ``credential_unreadable``; ``unauthorized`` where the saved credential is gone or is for
        another registry now; ``invalid_reference`` for a row that was not made by the services.
    """
    if task.transport == Transport.BUNDLE:
        yield bundle_url.parse(task.image_url), None
        return
    source = parse_reference(task.source_image or task.image_url)
    username, password = _secret(task, source)
    if not password:
        yield source, None
        return
    with remember(password, username):
        yield (
            source,
            SourceCredential(source.registry, username, password, owner=str(task.project_id)),
        )


def _secret(task: ImportTask, source: Reference) -> tuple[str, str]:
    if task.credential_id is None:
        if task.credential_required:
            raise OciError("unauthorized", gettext_noop("The saved credential of this import was deleted."))
        return task.username.reveal(), task.password.reveal()
    # Asked for now: since the claim it may have been deleted.
    saved = Credential.objects.filter(pk=task.credential_id).first()
    if saved is None or connect_host(saved.registry) != source.host:
        raise OciError(
            "unauthorized",
            gettext_noop("The saved credential of this import is now for a different registry."),
        )
    Credential.objects.filter(pk=saved.pk).update(last_used_at=timezone.now())
    if not saved.password:
        raise OciError("unauthorized", gettext_noop("The saved credential of this import has no password."))
    return saved.username, saved.password.reveal()
