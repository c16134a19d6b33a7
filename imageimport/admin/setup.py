"""Inspecting what projects are set up with: credentials, schedules, webhooks, batches; and the table of sources.
Secrets are neither shown nor asked for; changes are made on the pages, where they are checked and written into the
audit log."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from imageimport.models import (
    Credential,
    ImportBatch,
    Schedule,
    ScheduleRun,
    SourceMirror,
    SourceRule,
    SourceWay,
    TagDigest,
    Webhook,
    WebhookDelivery,
)
from projects.admin.lists import PagesAhead


class ReadOnlyAdmin(PagesAhead):
    """To look at. A superuser may delete what a project's own people can no longer reach."""

    exclude: ClassVar[tuple[str, ...]] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Credential)
class CredentialAdmin(ReadOnlyAdmin):
    list_display = ("name", "project", "registry", "username", "has_password", "last_used_at")
    list_filter = ("registry",)
    list_select_related = ("project",)
    search_fields = ("name", "registry", "project__name")
    exclude = ("password",)

    @admin.display(description=_("password"), boolean=True)
    def has_password(self, credential: Credential) -> bool:
        return bool(credential.password)


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    list_display = ("image_url", "project", "cron", "timezone", "enabled", "next_run_at", "last_run_at")
    list_filter = ("enabled",)
    list_select_related = ("project",)
    search_fields = ("image_url", "project__name")


@admin.register(ScheduleRun)
class ScheduleRunAdmin(ReadOnlyAdmin):
    list_display = (
        "schedule",
        "started_at",
        "ended_at",
        "checked",
        "new",
        "moved",
        "unchanged",
        "failed",
        "error_code",
    )
    list_filter = ("error_code",)
    list_select_related = ("schedule",)
    search_fields = ("schedule__image_url", "=schedule__id")
    exclude = ("error_parts",)


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ("address", "project", "enabled", "failures_only", "created_at")
    list_filter = ("enabled",)
    list_select_related = ("project",)
    search_fields = ("url", "project__name")
    exclude = ("secret", "url")
    readonly_fields = ("address",)

    @admin.display(description=_("URL"), ordering="url")
    def address(self, webhook: Webhook) -> str:
        return str(webhook)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "event",
        "webhook_id",
        "state",
        "attempts",
        "response_status",
        "created_at",
        "delivered_at",
    )
    list_filter = ("state", "event")
    search_fields = ("=id", "=webhook__id")
    exclude = ("error_parts", "webhook")


@admin.register(ImportBatch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "project", "requested_by", "created_at", "completed_at")
    list_select_related = ("project", "requested_by")
    search_fields = ("name", "project__name", "=id")


class SourceMirrorInline(admin.TabularInline):
    model = SourceMirror
    fields = ("url", "username")
    readonly_fields = fields
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SourceRule)
class SourceRuleAdmin(ReadOnlyAdmin):
    list_display = ("pattern", "position", "proxy", "mirrors_only", "private", "insecure", "updated_at")
    search_fields = ("pattern", "proxy")
    exclude = ("proxy_password",)
    inlines = (SourceMirrorInline,)


@admin.register(SourceWay)
class SourceWayAdmin(ReadOnlyAdmin):
    list_display = ("registry", "via", "speed", "measured_at", "error_code", "failed_at")
    list_filter = ("error_code",)
    search_fields = ("registry", "via")
    exclude = ("error_parts",)


@admin.register(TagDigest)
class TagDigestAdmin(ReadOnlyAdmin):
    list_display = ("repository", "tag", "digest", "project", "at")
    list_select_related = ("project",)
    search_fields = ("repository", "=digest", "project__name")
