"""One set of filters for pages and API."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from uuid import UUID

import django_filters
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from accounts.api.fields import EndFilter, MomentFilter
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.search import search
from oci.errors import ERROR_CODES
from projects.models import Project, Robot
from projects.search.query import passing

#: Up to so many imports are sorted: as many as a search fetches (:attr:`projects.search.trigrams.TrigramIndex.common`).
FEW: Final = 1000


class SomeOf(django_filters.fields.MultipleChoiceField):
    """Left empty it is as good as absent, like every other filter."""

    def to_python(self, value: Any) -> list[str]:
        found: list[str] = super().to_python(value)
        return [each for each in found if each]


def few_of(
    tasks: QuerySet[ImportTask], column: str, value: Any, *, partial: bool = False
) -> QuerySet[ImportTask]:
    """Those of ``tasks`` with ``value`` in a column: by their ids where they are at most :data:`FEW`.

    :param tasks: in the order of a list, which the column's index does not have.
    :param partial: the index has only what is not empty.
    """
    found = tasks.filter(**{column: value})
    if partial:
        found = found.exclude(**{column: ""})
    few = list(found.order_by().values_list("pk", flat=True)[: FEW + 1])
    return tasks.filter(pk__in=few) if len(few) <= FEW else passing(tasks, column, [value])


class StatusFilter(django_filters.MultipleChoiceFilter):
    """Several statuses at once, as quickly when hardly any import has them as when most have.

    No index has the imports of two statuses in the order of a list. To walk the newest fills a page soon where many
    have them, and to sort those that have them is quick where few have; how many of a project's have them no database
    knows beforehand.
    """

    field_class = SomeOf

    def filter(self, qs: QuerySet[ImportTask], value: list[str]) -> QuerySet[ImportTask]:
        found: QuerySet[ImportTask] = super().filter(qs, value)
        if len(value or ()) < 2:
            return found
        few: list[UUID] = []
        for status in value:
            of_it = qs.filter(status=status).values_list("pk", flat=True)
            few += of_it[: FEW + 1 - len(few)]
            if len(few) > FEW:
                return found
        return found.filter(pk__in=few)


class TaskFilter(django_filters.FilterSet):
    """``status``, ``search`` (part of source or target image), ``requested_by`` (name of a user or robot account),
    ``error_code``, ``created_after`` and ``created_before`` (a date without a time counts whole), ``batch``,
    ``schedule``, ``ordering``.
    """

    #: Not "distinct": no join doubles a row, and to make sure of it PostgreSQL would read and sort all of them.
    status = StatusFilter(choices=Status.choices, label=_("Status"), distinct=False)
    search = django_filters.CharFilter(method="find", label=_("Search"))
    requested_by = django_filters.CharFilter(method="of_person", label=_("Requested by"))
    error_code = django_filters.ChoiceFilter(
        choices=[(code, code) for code in sorted(ERROR_CODES)], method="with_error", label=_("Error code")
    )
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte", label=_("From date"))
    created_before = EndFilter(field_name="created_at", lookup_expr="lt", label=_("To date"))
    batch = django_filters.UUIDFilter(field_name="batch_id", label=_("Batch"))
    schedule = django_filters.UUIDFilter(field_name="schedule_id", label=_("Scheduled sync"))
    ordering = django_filters.OrderingFilter(
        fields=(("created_at", "created_at"), ("completed_at", "completed_at")),
        label=_("Order"),
    )

    class Meta:
        model = ImportTask
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, project: Project | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._project_id = project.pk if project else None

    def find(self, queryset: QuerySet[ImportTask], name: str, value: str) -> QuerySet[ImportTask]:
        project_id = self._project_id or _in_address(self.request)
        return search(queryset, value, projects=[project_id] if project_id else None)

    def of_person(self, queryset: QuerySet[ImportTask], name: str, value: str) -> QuerySet[ImportTask]:
        """The imports that a user asked for, or a robot account."""
        if value.startswith(Robot.LOGIN_PREFIX):
            return few_of(queryset, "robot", value, partial=True)
        user = User.objects.filter(username=value).only("pk").first()
        return few_of(queryset, "requested_by", user.pk) if user else queryset.none()

    def with_error(self, queryset: QuerySet[ImportTask], name: str, value: str) -> QuerySet[ImportTask]:
        """The imports whose last attempt ended with this code."""
        return few_of(queryset, "error_code", value, partial=True)

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter is set: an empty page then says "nothing matches"."""
        data: Any = self.form.cleaned_data if self.form.is_valid() else {}
        return any(value for name, value in data.items() if name != "ordering")


def _in_address(request: Any) -> UUID | None:
    """The project that the API's address names."""
    if not isinstance(request, Request):
        return None
    found = request.parser_context["kwargs"].get("project_id")
    return found if isinstance(found, UUID) else None
