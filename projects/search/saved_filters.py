"""Filters that people keep for a project's lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from projects.models import Project, SavedFilter

#: Of one person for one list.
MAX_FILTERS: Final = 20
#: What a filter of each list consists of; anything else in an address is left aside.
PARTS: Final[Mapping[str, Sequence[str]]] = {
    SavedFilter.List.IMAGES: ("search", "repository", "order"),
    SavedFilter.List.IMPORTS: (
        *("status", "search", "requested_by", "error_code", "created_after", "created_before"),
        *("batch", "schedule", "ordering"),
    ),
}
_MAX_CHARS: Final = 1000


def saved_filters(*, project: Project, user: User, of: str) -> QuerySet[SavedFilter]:
    """The person's own, by name."""
    return SavedFilter.objects.filter(project=project, user=user, list=of).order_by("name")


def save(*, project: Project, user: User, of: str, name: str, query: str) -> SavedFilter:
    """Keep a filter; one of the same name is replaced.

    :param of: of :data:`PARTS`.
    :param query: an address behind its question mark.
    :raises FieldErrors: ``name`` or ``query``.
    """
    kept = narrowed(of, query)
    if not kept or len(kept) > _MAX_CHARS:
        raise FieldErrors({"query": [_("Filter or sort the list first.")]})
    row = SavedFilter(project=project, user=user, list=of, name=name.strip(), query=kept)
    try:
        row.full_clean(exclude=["user", "project"], validate_unique=False, validate_constraints=False)
    except ValidationError as exc:
        raise FieldErrors(exc.message_dict) from None
    if saved_filters(project=project, user=user, of=of).exclude(name=row.name).count() >= MAX_FILTERS:
        raise FieldErrors(
            {"name": [_("At most %(limit)s filters can be saved for a list.") % {"limit": MAX_FILTERS}]}
        )
    found, _made = SavedFilter.objects.update_or_create(
        project=project, user=user, list=of, name=row.name, defaults={"query": kept}
    )
    return found


def narrowed(of: str, query: str) -> str:
    """The parts of ``query`` that filter or sort the list, in one order."""
    asked = QueryDict(query)
    return urlencode([(name, value) for name in PARTS[of] for value in asked.getlist(name) if value])
