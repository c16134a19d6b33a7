"""Whose signatures count: made, deleted, and found for an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors, filled
from accounts.labels import is_label
from imageimport.models import ImportTask, TrustAnchor
from imageimport.policy.globs import matches
from imageimport.policy.judging import facts_of, source_pattern
from oci.signatures.anchors import Anchor, KeyAnchor, KeylessAnchor
from oci.signatures.keys import BadKeyError, fingerprint, load_public_key
from projects import audit
from projects.models import Project

log = structlog.get_logger(__name__)

#: Of one project, and of the installation: each signature is held against all of them.
MAX_ANCHORS: Final = 50
MAX_SOURCES: Final = 50
_SOURCE_CHARS: Final = 300
_IDENTITY_CHARS: Final = 1000
_ISSUER_CHARS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrust:
    """The fields as the API names them."""

    name: str
    kind: str
    public_key: str = ""
    issuer: str = ""
    identity: str = ""
    identity_is_pattern: bool = False
    sources: Sequence[str] = ()


def create(*, project: Project | None, user: User | None, wanted: NewTrust) -> TrustAnchor:
    """Trust a key or an identity in a project, or (None) in the whole installation.

    :raises FieldErrors: with every field that is wrong.
    :raises ApplicationError: ``too_many_anchors``.
    """
    made = TrustAnchor(
        project=project,
        created_by=user,
        name=wanted.name.strip(),
        kind=wanted.kind,
        sources=[source_pattern(each.strip()) for each in wanted.sources if each.strip()],
    )
    problems = _sources_problems(made.sources)
    if made.kind == TrustAnchor.Kind.KEY:
        made.public_key = wanted.public_key.strip()
        problems |= _key_problems(made.public_key)
    else:
        made.issuer, made.identity = wanted.issuer.strip(), wanted.identity.strip()
        made.identity_is_pattern = wanted.identity_is_pattern
        problems |= _identity_problems(made)
    if problems:
        raise FieldErrors(problems)
    with transaction.atomic():
        if TrustAnchor.objects.filter(project=project).count() >= MAX_ANCHORS:
            raise ApplicationError(
                "too_many_anchors",
                gettext_noop("At most %(limit)s trusted signers are allowed."),
                limit=MAX_ANCHORS,
            )
        try:
            with transaction.atomic():
                made.save(force_insert=True)
        except IntegrityError:
            raise FieldErrors({"name": [_("A trusted signer with this name already exists.")]}) from None
        audit.record("trust.created", made, **_written(made))
    return made


def delete(*, anchor: TrustAnchor) -> None:
    """Trust it no longer. A rule that asks for it is then met by the others that it names, or by none."""
    with transaction.atomic():
        audit.record("trust.deleted", anchor, **_written(anchor))
        anchor.delete()


def _written(row: TrustAnchor) -> dict[str, Any]:
    """What the audit log keeps of one beside its name: which key it is, or who else an identity stands for, and for
    which images.
    """
    if row.kind == TrustAnchor.Kind.KEYLESS:
        return {"identity_is_pattern": row.identity_is_pattern, "sources": row.sources}
    try:
        known: str | None = fingerprint(load_public_key(row.public_key))
    except BadKeyError:  # That an earlier version took.
        known = None
    return {"fingerprint": known, "sources": row.sources}


def of_project(project: Project) -> QuerySet[TrustAnchor]:
    """Its own, without those of the installation."""
    return TrustAnchor.objects.filter(project=project)


def of_installation() -> QuerySet[TrustAnchor]:
    """Those that count in every project."""
    return TrustAnchor.objects.filter(project=None)


def for_rules(project: Project | None) -> QuerySet[TrustAnchor]:
    """Those that a rule of the project, or (None) of the installation, may ask for."""
    return TrustAnchor.objects.filter(Q(project=None) | Q(project=project))


def anchors_for(task: ImportTask) -> list[Anchor]:
    """Those of the installation and the project that count for the source of an import."""
    return anchors_of(task.project_id, facts_of(task).source)


def anchors_of(project_id: UUID | None, source: str) -> list[Anchor]:
    """Those of the installation and a project that count for a source in its one name."""
    rows = TrustAnchor.objects.filter(Q(project=None) | Q(project=project_id))
    fitting = [row for row in rows if matches([source_pattern(each) for each in row.sources], source)]
    return [anchor for anchor in map(as_anchor, fitting) if anchor is not None]


def as_anchor(row: TrustAnchor) -> Anchor | None:
    """As signatures are held against it; None for a key that this version does not take (anymore), which then signs
    nothing.
    """
    if row.kind == TrustAnchor.Kind.KEYLESS:
        return KeylessAnchor(str(row.pk), row.name, row.issuer, row.identity, row.identity_is_pattern)
    try:
        return KeyAnchor(str(row.pk), row.name, load_public_key(row.public_key))
    except BadKeyError as exc:
        log.warning("trust.key_not_taken", trust=str(row.pk), reason=exc.template)
        return None


def _key_problems(pem: str) -> dict[str, list[str]]:
    try:
        load_public_key(pem)
    except BadKeyError as exc:
        return {"public_key": [filled(exc.template)]}
    return {}


def _identity_problems(made: TrustAnchor) -> dict[str, list[str]]:
    problems = {}
    if not made.issuer.startswith(("https://", "http://")) or not _fits(made.issuer, _ISSUER_CHARS):
        problems["issuer"] = [_("Enter the issuer's URL exactly as in the certificate.")]
    if not made.identity or not _fits(made.identity, _IDENTITY_CHARS):
        problems["identity"] = [_("Enter an email address or a URI exactly as in the certificate.")]
    elif made.identity_is_pattern and not made.identity.strip("*?"):
        problems["identity"] = [_("This pattern matches every identity. Make it more specific.")]
    return problems


def _sources_problems(sources: Sequence[str]) -> dict[str, list[str]]:
    if len(sources) > MAX_SOURCES or not all(_fits(each, _SOURCE_CHARS) for each in sources):
        return {
            "sources": [
                _("Enter at most %(limit)s patterns such as docker.io/library/*.") % {"limit": MAX_SOURCES}
            ]
        }
    return {}


def _fits(text: str, most: int) -> bool:
    return len(text) <= most and is_label(text) and " " not in text
