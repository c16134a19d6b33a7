"""Saved credentials of a project: made, changed, tested, taken away. The secret goes to its own registry only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from imageimport.choices import ACTIVE
from imageimport.exceptions import FieldErrors, Refused
from imageimport.messages import of_error, parts, shown
from imageimport.models import Credential, ImportTask, Schedule
from imageimport.registries import clients
from imageimport.registries.rate_limits import SharedRateLimits
from oci.cancel import CancelToken
from oci.errors import Note, OciError
from oci.redaction import remember
from oci.reference.parser import connect_host, parse_reference
from oci.registry.client import RegistryClient
from oci.registry.credentials import Credential as SourceCredential
from oci.registry.retry import RetryBudget
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
    retry_after: int | None = None


def create(
    *,
    project: Project,
    user: User | None,
    name: str,
    registry: str,
    username: str,
    password: str,
    audit_request: HttpRequest | None = None,
) -> Credential:
    """Save a credential.

    :raises FieldErrors: on ``registry``, ``name`` (taken) or ``username``.
    """
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
        _journal("credential.created", saved, user, audit_request)
    return saved


def update(
    *,
    credential: Credential,
    user: User | None,
    changes: Mapping[str, Any],
    audit_request: HttpRequest | None = None,
) -> Credential:
    """Change a credential. Without ``password`` it keeps the one it has, unless ``registry`` changes: a secret is never
    shown to another host than the one it was entered for.

    :raises FieldErrors: see :func:`create`.
    :raises Refused: ``changed_meanwhile``: a password was given for the registry that the caller has seen, and someone
        has named another one since.
    """
    values, seen = dict(changes), connect_host(credential.registry)
    if "registry" in values:
        values["registry"] = normal_registry(values["registry"])
    with transaction.atomic():
        locked(credential, "project")
        if "registry" not in values and "password" in values and connect_host(credential.registry) != seen:
            raise Refused(
                "changed_meanwhile", _("Someone changed this credential meanwhile. Look at it again.")
            )
        if connect_host(values.get("registry", credential.registry)) != connect_host(credential.registry):
            values.setdefault("password", "")
        _check_account(values.get("username", credential.username), values.get("password", ""))
        for name, value in values.items():
            setattr(credential, name, value)
        _save(credential, update_fields=[*values, "updated_at"])
        _journal("credential.changed", credential, user, audit_request, changed=sorted(values))
    return credential


def delete(*, credential: Credential, user: User | None, audit_request: HttpRequest | None = None) -> None:
    """Take a credential away.

    :raises Refused: ``credential_in_use``: an import that has not ended or a schedule needs it.
    """
    with transaction.atomic():
        schedules = Schedule.objects.filter(credential=credential).count()
        imports = ImportTask.objects.filter(credential=credential, status__in=ACTIVE).count()
        if schedules or imports:
            raise Refused(
                "credential_in_use",
                _("%(schedules)d schedules and %(imports)d running imports use this credential.")
                % {"schedules": schedules, "imports": imports},
            )
        _journal("credential.deleted", credential, user, audit_request)
        credential.delete()


def test(*, credential: Credential, user: User | None = None) -> Tested:
    """Sign in at the credential's own registry, and nowhere else.

    :raises AllTaken: too much is asked at once, or by ``user`` (:mod:`projects.places`).
    """
    try:
        password = credential.password.reveal()
    except OciError as exc:
        return _failed(exc)
    if not password:
        return Tested(False, "unauthorized", _("There is no password. Enter it again."))
    Credential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now())
    return check_sign_in(
        registry=credential.registry, username=credential.username, password=password, user=user
    )


def not_now(exc: places.AllTaken) -> Tested:
    """That nothing was tested, for a page."""
    return Tested(False, "throttled", shown("", of_error(exc)), places.COME_BACK)


def check_sign_in(*, registry: str, username: str, password: str, user: User | None = None) -> Tested:
    """Whether a registry accepts a sign-in; asked of the registry itself, never of a mirror.

    :raises AllTaken: see :func:`test`.
    """
    if connect_host(registry) in map(connect_host, settings.IMPORT_MIRRORS_ONLY):
        return Tested(
            False, "forbidden", _("The operator has this registry contacted through its mirrors only.")
        )
    credential = SourceCredential(host=registry, username=username, password=password)
    try:
        with remember(password, username), places.asking_others(user, seconds=MAX_SECONDS) as cancel:
            asked, notes = _try(credential, cancel)
    except places.AllTaken:
        raise
    except OciError as exc:
        return _failed(exc)
    if notes:  # Its token server is not trusted with the secret, so nothing was tested.
        return Tested(False, "forbidden", shown("", parts(*notes[0])))
    return Tested(True, detail="" if asked else _("This registry asks nobody to sign in."))


def _try(credential: SourceCredential, cancel: CancelToken) -> tuple[bool, Sequence[Note]]:
    """Whether the registry wanted a sign-in at all, and what the engine notes of it.

    :raises OciError: it refuses, or is away.
    """
    client = RegistryClient(
        registry=credential.host,
        door=clients.import_door(),
        credential=credential,
        trusted_realms=settings.IMPORT_TRUSTED_REALMS,
        budget=RetryBudget(seconds=TEST_SECONDS),
        stall_seconds=STALL_SECONDS,
        headers_seconds=STALL_SECONDS,
        rate_limits=SharedRateLimits(),
        cancel=cancel,
    )
    try:
        client.retrier.run(lambda: _knock(client))
        return client.session.sign_in.header(()) is not None, client.notes
    finally:
        client.close()


def _knock(client: RegistryClient) -> None:
    """What ``docker login`` does: the registry's root, signed in, for nothing in particular."""
    url = client.session.url("/v2/")
    client.session.request("GET", url, scopes=(), what="/v2/", accept=(200,)).discard()


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
                {"registry": [_("Give the registry's host, like ghcr.io or registry.example.com:5000.")]}
            )
        named = host if "." in host or ":" in host or host == "localhost" else f"{host}:443"
        place = parse_reference(f"{named}/name")
        clients.check_literal_source(place)
    except OciError as exc:
        raise FieldErrors({"registry": [shown("", of_error(exc))]}) from exc
    if clients.is_own(place):
        raise FieldErrors({"registry": [_("The portal's own registry needs no credential.")]})
    return place.registry


def _check_account(username: str, password: str) -> None:
    if ":" in username or not (username + password).isprintable():
        raise FieldErrors(
            {"username": [_("A username has no colon, and neither field has control characters.")]}
        )


def _save(credential: Credential, **how: Any) -> None:
    try:
        with transaction.atomic():
            credential.save(**how)
    except IntegrityError as exc:
        raise FieldErrors({"name": [_("The project has a credential of this name.")]}) from exc


def _failed(error: OciError) -> Tested:
    return Tested(False, error.code, shown("", of_error(error)))


def _journal(
    action: str, saved: Credential, user: User | None, request: HttpRequest | None, **detail: Any
) -> None:
    audit.record(
        action=action,
        actor=user,
        project=saved.project,
        subject=saved.name,
        detail={"registry": saved.registry, "username": saved.username, **detail},
        request=request,
    )
