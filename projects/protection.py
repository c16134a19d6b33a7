"""Protected tags: a tag that exists and fits a pattern is changed by no one, however it is tried.

What the portal does itself asks here first: imports, rolling back, deletion, clean-up. A token of the registry names a
repository and no tag, so a foreign push can only be undone (:mod:`projects.registry.index`); it may delete nothing
where a protected tag is (:mod:`projects.keeping`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors
from projects import audit
from projects.keeping import Hold
from projects.models import AuditEvent, Image, Project, ProtectedTag
from projects.models.prepared import Prepared
from projects.tags.globs import fits

#: More are no list that a person keeps an eye on; each is compared with each tag.
MAX_PATTERNS: Final = 100
#: What any change of a protected tag is refused with.
PROTECTED: Final = gettext_noop(
    "The tag %(tag)s is protected by %(pattern)s and can't be changed or deleted."
)
_WHY: Final = gettext_noop("Protected by %(pattern)s.")
_PATTERN: Final = re.compile(r"[A-Za-z0-9_.*?\[\]!/:-]{1,400}", re.ASCII)

Protects = Callable[[str, str], str]


def patterns_of(project: Project) -> Protects:
    """A function that says which pattern protects ``(repository, tag)``; an empty text: none. One query."""
    return _protects(_patterns(project))


#: A pattern of a project: most have none, and each import asks.
_ANY: Final = Prepared(
    lambda project: ProtectedTag.objects.filter(project=project).order_by().values_list("pk")[:1]
)


def _patterns(project: Project) -> list[str]:
    return list(ProtectedTag.objects.filter(project=project).values_list("pattern", flat=True))


def _protects(patterns: list[str]) -> Protects:
    def protects(repository: str, tag: str) -> str:
        name = f"{repository}:{tag}"
        return next((pattern for pattern in patterns if fits(pattern, name)), "")

    return protects


def pattern_for(project: Project, repository: str, tag: str) -> str:
    """The pattern that protects this tag, whether it exists or not; empty: none."""
    if _ANY.first(project.pk) is None:
        return ""
    return patterns_of(project)(repository, tag)


def refuse_change(project: Project, repository: str, tag: str) -> None:
    """For what would change or remove a tag that exists.

    :raises ApplicationError: ``tag_protected``.
    """
    pattern = pattern_for(project, repository, tag)
    if pattern:
        raise refusal(f"{repository}:{tag}", pattern)


def refusal(tag: str, pattern: str) -> ApplicationError:
    """What to raise for ``<repository>:<tag>``."""
    return ApplicationError("tag_protected", PROTECTED, tag=tag, pattern=pattern)


@transaction.atomic
def add(*, project: Project, user: User | None, pattern: str) -> ProtectedTag:
    """Protect the tags that fit.

    :raises FieldErrors: on ``pattern``.
    :raises ApplicationError: ``too_many_patterns``.
    """
    text = pattern.strip()
    if not _PATTERN.fullmatch(text) or not (":" in text or "*" in text):
        raise FieldErrors({"pattern": [_("Enter a name and a tag such as app:v*, *:stable or team/*:1.*.")]})
    if ProtectedTag.objects.filter(project=project).count() >= MAX_PATTERNS:
        raise ApplicationError(
            "too_many_patterns",
            gettext_noop("A project can have at most %(limit)d patterns."),
            limit=MAX_PATTERNS,
        )
    try:
        with transaction.atomic():
            made = ProtectedTag.objects.create(project=project, pattern=text, created_by=user)
    except IntegrityError:
        raise FieldErrors({"pattern": [_("This pattern is already in the list.")]}) from None
    audit.record("protection.added", made)
    return made


@transaction.atomic
def remove(*, protected: ProtectedTag) -> None:
    """Protect them no longer."""
    audit.record("protection.removed", protected)
    protected.delete()


def put_back_last(image: Image) -> AuditEvent | None:
    """When a foreign push over the tag was undone last."""
    undone = AuditEvent.objects.filter(project=image.project_id, action="tag.restored", subject=str(image))
    return undone.order_by("-at", "-id").first()


def keep(project: Project, digests: Collection[str] | None) -> Iterator[Hold]:
    """What protected tags name stays in the registry: a keeper (:mod:`projects.keeping`)."""
    patterns = _patterns(project)
    if not patterns:
        return
    protects = _protects(patterns)
    rows = Image.objects.filter(project=project)
    if digests is not None:
        rows = rows.filter(digest__in=digests)
    for repository, tag, digest in rows.values_list("repository", "tag", "digest").iterator():
        if pattern := protects(repository, tag):
            yield Hold(digest, repository, _WHY, {"pattern": pattern})
