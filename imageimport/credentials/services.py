"""Saved credentials of a project: made, changed, tested, taken away. The secret goes to its own registry only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors, Refusal, filled, sentence_of
from imageimport.models import Credential, ImportTask, Schedule
from imageimport.registries import clients, sources
from imageimport.registries.rate_limits import SharedRateLimits
from oci.cancel import CancelToken
from oci.errors import Note, OciError
from oci.http.transport import Timeouts
from oci.redaction import remember
from oci.reference.parser import connect_host, parse_reference
from oci.registry.auth.credentials import Credential as SourceCredential
from oci.registry.auth.credentials import Identity
from oci.registry.client import RegistryClient
from oci.registry.options import ClientOptions, Throttling
from oci.registry.retry import RetryBudget, RetryPolicy
from projects import audit, places
from projects.locking import locked
from projects.models import Project

#: A test is waited for by a person: it retries for this long at most, and waits this long for an answer; seconds.
TEST_SECONDS = 5.0
STALL_SECONDS = 10.0
#: All of its requests together, seconds.
MAX_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Tested:
    """Whether a sign-in was accepted; else the error's code and a sentence in the reader's language."""

    ok: bool
    code: str = ""
    detail: str = ""
    #: Nothing was tested, since too much is asked at once: seconds until it may be tried again.
    retry_after: float | None = None


def create(
    *, project: Project, user: User | None, name: str, registry: str, username: str, password: str
) -> Credential:
    """Save a credential.

    :raises FieldErrors: on ``registry``, ``name`` (taken) or ``username``.
    """
    password = one_line(password)
    _check_account(username, password)
    saved = Credential(
        project=project,
        name=name.strip(),
        registry=normal_registry(registry),
        username=username,
        password=password,
        created_by=user,
    )
    with transaction.atomic():
        _save(saved, force_insert=True)
        audit.record("credential.created", saved)
    return saved


def update(*, credential: Credential, changes: Mapping[str, Any]) -> Credential:
    """Change a credential. Without ``password`` it keeps the one it has, unless ``registry`` changes: a secret is never
    shown to another host than the one it was entered for.

    :raises FieldErrors: see :func:`create`.
    :raises ApplicationError: ``changed_meanwhile``: a password was given for the registry that the caller has seen,
        and someone has named another one since.
    """
    values, seen = dict(changes), connect_host(credential.registry)
    if "registry" in values:
        values["registry"] = normal_registry(values["registry"])
    if "password" in values:
        values["password"] = one_line(values["password"])
    with transaction.atomic():
        locked(credential, "project")
        if "registry" not in values and "password" in values and connect_host(credential.registry) != seen:
            raise ApplicationError(
                "changed_meanwhile",
                gettext_noop(
                    "Someone else has changed this credential in the meantime. Check its values and save"
                    " again."
                ),
            )
        if connect_host(values.get("registry", credential.registry)) != connect_host(credential.registry):
            values.setdefault("password", "")
        _check_account(values.get("username", credential.username), values.get("password", ""))
        for name, value in values.items():
            setattr(credential, name, value)
        _save(credential, update_fields=[*values, "updated_at"])
        audit.record("credential.changed", credential, changed=sorted(values))
    return credential


def delete(*, credential: Credential) -> None:
    """Take a credential away.

    :raises ApplicationError: ``credential_in_use``: an import that has not ended or a schedule needs it.
    """
    with transaction.atomic():
        schedules = Schedule.objects.filter(credential=credential).count()
        imports = ImportTask.objects.active().filter(credential=credential).count()
        if schedules or imports:
            raise ApplicationError(
                "credential_in_use",
                gettext_noop(
                    "This credential is used by %(schedules)d scheduled syncs and %(imports)d unfinished"
                    " imports, so it can't be deleted."
                ),
                schedules=schedules,
                imports=imports,
            )
        audit.record("credential.deleted", credential)
        credential.delete()


def test(*, credential: Credential, user: User | None = None) -> Tested:
    """Sign in at the credential's own registry, and nowhere else.

    :raises ApplicationError: ``throttled``: too much is asked at once, or by ``user`` (:mod:`projects.places`).
    """
    try:
        password = credential.password.reveal()
    except OciError as exc:
        return _failed(exc)
    if not password:
        return Tested(False, "unauthorized", _("The saved credential has no password. Enter it again."))
    Credential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now())
    return check_sign_in(
        registry=credential.registry, username=credential.username, password=password, user=user
    )


def not_now(refusal: Refusal) -> Tested:
    """That nothing was tested, for a page."""
    return Tested(False, refusal.code, refusal.detail, refusal.retry_after)


def check_sign_in(*, registry: str, username: str, password: str, user: User | None = None) -> Tested:
    """Whether a registry accepts a sign-in; asked of the registry itself, never of a mirror.

    :raises ApplicationError: ``throttled``: see :func:`test`.
    """
    if sources.is_mirrors_only(registry):
        return Tested(
            False, "forbidden", _("This registry can only be reached through its configured mirrors.")
        )
    credential = SourceCredential(host=registry, username=username, password=password)
    try:
        with remember(password, username), places.asking_others(user, seconds=MAX_SECONDS) as cancel:
            asked, notes = _try(credential, cancel)
    except OciError as exc:
        return _failed(exc)
    if notes:  # Its token server is not trusted with the secret, so nothing was tested.
        return Tested(False, "forbidden", filled(*notes[0]))
    return Tested(True, detail="" if asked else _("This registry doesn't require signing in."))


def _try(credential: SourceCredential, cancel: CancelToken) -> tuple[bool, Sequence[Note]]:
    """Whether the registry wanted a sign-in at all, and what the engine notes of it.

    :raises OciError: it refuses, or is away.
    """
    client = RegistryClient(
        credential.host,
        clients.import_door(),
        identity=Identity(credential, trusted_realms=settings.IMPORT_TRUSTED_REALMS),
        options=ClientOptions(
            cancel=cancel,
            retries=RetryPolicy(budget=RetryBudget(seconds=TEST_SECONDS)),
            timeouts=Timeouts(headers_seconds=STALL_SECONDS, stall_seconds=STALL_SECONDS),
            throttling=Throttling(rate_limits=SharedRateLimits()),
        ),
    )
    try:
        client.retrier.run(lambda: _knock(client))
        return client.session.sign_in.header(()) is not None, client.notes
    finally:
        client.close()


def _knock(client: RegistryClient) -> None:
    """What ``docker login`` does: the registry's root, signed in, for nothing in particular."""
    url = client.session.url("/v2/")
    client.session.accepted(client.session.ask("GET", url, scopes=()), "/v2/", 200).discard()


def only_one_for(*, project: Project, host: str) -> Credential | None:
    """The project's saved credential for the registry at ``host``, where there is exactly one; without its secrets.

    For a form to choose and to show: nothing is used that a request does not name.

    :param host: as :attr:`oci.reference.parser.Reference.host`.
    """
    saved = Credential.objects.filter(project=project).defer("username", "password")
    found = [row for row in saved if connect_host(row.registry) == host]
    return found[0] if len(found) == 1 else None


def normal_registry(text: str) -> str:
    """``docker.io``, ``host`` or ``host:port`` from what people type.

    :raises FieldErrors: on ``registry``: it is none, or one that may never be contacted.
    """
    host = text.strip().removeprefix("https://").removeprefix("http://").rstrip("/").lower()
    try:
        if "/" in host or "@" in host or not host:
            raise FieldErrors(
                {
                    "registry": [
                        _("Enter the registry's host, for example ghcr.io or registry.example.com:5000.")
                    ]
                }
            )
        named = host if "." in host or ":" in host or host == "localhost" else f"{host}:443"
        place = parse_reference(f"{named}/name")
        clients.check_literal_source(place)
    except OciError as exc:
        raise FieldErrors({"registry": [sentence_of(exc)]}) from exc
    if clients.is_own(place):
        raise FieldErrors({"registry": [_("The portal's own registry doesn't need a credential.")]})
    return place.registry


def one_line(password: str) -> str:
    """A cloud's key file is JSON of many lines, which says the same in one. Everything else is as it was typed, also
    JSON in one line: to other registries it is a password like any other.
    """
    if password.isprintable() or not password.lstrip().startswith("{"):
        return password
    try:
        return json.dumps(json.loads(password), separators=(",", ":"))
    except (ValueError, RecursionError):
        return password


def _check_account(username: str, password: str) -> None:
    if ":" in username or not (username + password).isprintable():
        raise FieldErrors(
            {
                "username": [
                    _("The username can't contain a colon, and neither field can contain control characters.")
                ]
            }
        )


def _save(credential: Credential, **how: Any) -> None:
    try:
        with transaction.atomic():
            credential.save(**how)
    except IntegrityError as exc:
        raise FieldErrors({"name": [_("The project already has a credential with this name.")]}) from exc


def _failed(error: OciError) -> Tested:
    return Tested(False, error.code, sentence_of(error))
