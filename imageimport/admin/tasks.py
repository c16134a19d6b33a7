"""Inspecting imports: everything to read, nothing to edit, no secret shown; retry and cancel call the services.

Quick on a million rows: no count of the whole table, search by what has an index or is short.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.exceptions import Refusal
from imageimport import selectors
from imageimport.choices import STATUS_LOOKS, Status
from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from imageimport.search import TASKS
from imageimport.submission import services
from projects.admin.lists import IndexedAdmin, ValuesByIndex
from projects.templatetags.portal import size


class ReadOnlyInline(admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AttemptInline(ReadOnlyInline):
    model = ImportAttempt
    verbose_name_plural = _("attempts")
    fields = ("attempt", "outcome", "worker", "started_at", "ended_at", "error_code", "error")
    readonly_fields = fields


class LayerInline(ReadOnlyInline):
    model = ImportLayer
    verbose_name_plural = _("layers")
    fields = ("position", "digest", "platform", "whole", "here", "state")
    readonly_fields = fields

    @admin.display(description=_("size"))
    def whole(self, layer: ImportLayer) -> str:
        return size(layer.size)

    @admin.display(description=_("transferred"))
    def here(self, layer: ImportLayer) -> str:
        return size(layer.bytes_done)


@admin.register(ImportTask)
class ImportTaskAdmin(IndexedAdmin):
    list_display = (
        "look",
        "source_image",
        "target",
        "error_code",
        "requested_by",
        "created_at",
    )
    list_display_links = ("source_image",)
    list_filter = (
        "status",
        ("error_code", ValuesByIndex),
        "transport",
        ("created_at", admin.DateFieldListFilter),
    )
    index = TASKS
    search_fields = index.columns
    sortable_by = ("created_at",)
    search_help_text = _("Part of the source or target image, or the ID of an import.")
    list_select_related = ("requested_by",)
    list_per_page = 50
    ordering = ("-created_at", "-id")
    inlines = (AttemptInline, LayerInline)
    actions = ("retry_selected", "cancel_selected")
    exclude = ("username", "password", "message_parts", "error_parts")

    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("id", "project", "requested_by", "image_url", "source_image", "target_image")}),
        (
            _("State"),
            {
                "fields": (
                    "status", "stage", "progress", "sentence", "failure", "error_code",
                    "digest", "source_digest", "whole", "here", "reused",
                )
            },
        ),
        (
            _("Request"),
            {
                "fields": (
                    "transport", "platforms", "overwrite", "include_referrers", "priority", "has_secret", "credential",
                )
            },
        ),
        (
            _("Worker"),
            {"fields": ("attempts", "fence", "lease_owner", "lease_expires_at", "not_before", "waiting_since")},
        ),
        (_("Origin"), {"fields": ("retry_of", "batch", "schedule")}),
        (_("Times"), {"fields": ("created_at", "started_at", "updated_at", "completed_at")}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: ImportTask | None = None) -> tuple[str, ...]:
        return tuple(name for _title, options in self.fieldsets for name in options["fields"])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        try:
            return queryset.filter(pk=uuid.UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """There is nothing to save."""
        unsaved = {"show_save": False, "show_save_and_continue": False, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, unsaved)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ImportTask | None = None) -> bool:
        return False

    @admin.display(description=_("status"), ordering="status")
    def look(self, task: ImportTask) -> str:
        colour, _icon = STATUS_LOOKS[Status(task.status)]
        far = f" {task.percent} %" if task.status == Status.RUNNING else ""
        return format_html(
            '<span class="status status-{}">{}{}</span>', colour, task.get_status_display(), far
        )

    @admin.display(description=_("target image"))
    def target(self, task: ImportTask) -> str:
        """Without the registry's host, which is the same in every row."""
        return task.target_image.partition("/")[2] or task.target_image

    @admin.display(description=_("size"))
    def whole(self, task: ImportTask) -> str:
        return size(task.bytes_total)

    @admin.display(description=_("transferred"))
    def here(self, task: ImportTask) -> str:
        return size(task.bytes_done)

    @admin.display(description=_("reused"))
    def reused(self, task: ImportTask) -> str:
        return size(task.bytes_reused)

    @admin.display(description=_("message"))
    def sentence(self, task: ImportTask) -> str:
        return selectors.render_message(task)

    @admin.display(description=_("error"))
    def failure(self, task: ImportTask) -> str:
        return selectors.render_error(task)

    @admin.display(description=_("has credentials"), boolean=True)
    def has_secret(self, task: ImportTask) -> bool:
        return task.has_credentials

    @admin.action(description=_("Retry the selected imports"), permissions=["change"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[ImportTask]) -> None:
        user = cast(User, request.user)
        self._each(request, queryset, lambda task: services.retry(task=task, user=user))

    @admin.action(description=_("Cancel the selected imports"), permissions=["change"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[ImportTask]) -> None:
        self._each(request, queryset, lambda task: services.cancel(task=task))

    def _each(
        self, request: HttpRequest, queryset: QuerySet[ImportTask], change: Callable[[ImportTask], ImportTask]
    ) -> None:
        done = 0
        for task in queryset.select_related("project", "credential"):
            with Refusal() as refusal:
                change(task)
                done += 1
            if refusal:
                self.message_user(request, f"{task}: {refusal.detail}", messages.WARNING)
        if done:
            sentence = ngettext("%(count)d import was changed.", "%(count)d imports were changed.", done) % {
                "count": done
            }
            self.message_user(request, sentence, messages.SUCCESS)
