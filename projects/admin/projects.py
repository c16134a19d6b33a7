"""Projects and what belongs to them in the admin. Whatever the registry holds is removed there first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.exceptions import Refusal
from projects import services
from projects.admin.lists import IndexedAdmin, ValuesByIndex
from projects.models import AuditEvent, Image, Membership, Project, Robot, Role
from projects.registry import removal
from projects.retention import trash
from projects.search import trigrams


class ReadOnly(admin.ModelAdmin):
    """To look at; deleting, where it is allowed, goes by :meth:`remove`."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RemovesByService(admin.ModelAdmin):
    """Deletes one by one, by the service that also takes things out of the registry."""

    #: Deletes one. It stays where the service refuses or the registry does.
    remove: Callable[[HttpRequest, Any], None]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with Refusal() as refusal:
            self.remove(request, obj)
        if refusal:
            messages.error(request, f"{obj}: {refusal.detail}")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)
    fields = ("user", "role", "created_at")
    readonly_fields = ("created_at",)


@admin.register(Project)
class ProjectAdmin(RemovesByService):
    """Projects with their members and quotas."""

    list_display = ("name", "visibility", "created_by", "created_at", "quota_images", "quota_bytes")
    list_filter = ("visibility",)
    search_fields = ("name", "description")
    list_select_related = ("created_by",)
    fields = (
        "name", "description", "visibility", "quota_images", "quota_bytes", "quota_queued",
        "created_by", "created_at",
    )  # fmt: skip
    inlines = (MembershipInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        fixed = ("created_by", "created_at")
        return (*fixed, "name") if obj is not None else fixed

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = cast(User, request.user)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A project that is made without an owner belongs to the person who made it."""
        super().save_related(request, form, formsets, change)
        owners = Membership.objects.filter(project=form.instance, role=Role.OWNER)
        if not change and not owners.exists():
            Membership.objects.update_or_create(
                project=form.instance, user=cast(User, request.user), defaults={"role": Role.OWNER}
            )

    def remove(self, request: HttpRequest, obj: Project) -> None:
        removal.delete_project(project=obj, user=cast(User, request.user))


@admin.register(Image)
class ImageAdmin(RemovesByService, ReadOnly, IndexedAdmin):
    """The image index; the registry is what counts."""

    list_display = ("__str__", "project", "digest", "size", "updated_at", "pull_count", "last_pulled_at")
    list_filter = ("project",)
    index = trigrams.IMAGES
    search_fields = index.columns
    sortable_by = ("updated_at",)
    list_select_related = ("project",)

    def remove(self, request: HttpRequest, obj: Image) -> None:
        trash.throw_away(image=obj, user=cast(User, request.user))


@admin.register(Robot)
class RobotAdmin(RemovesByService, ReadOnly):
    """Robot accounts, without anything of their secrets."""

    list_display = ("login", "project", "access", "created_by", "created_at", "expires_at", "last_used_at")
    list_filter = ("access",)
    search_fields = ("name", "project__name")
    list_select_related = ("project", "created_by")
    fields = ("project", "name", "access", "created_by", "created_at", "expires_at", "last_used_at")

    def remove(self, request: HttpRequest, obj: Robot) -> None:
        services.delete_robot(robot=obj)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, IndexedAdmin):
    """The audit log: written once, never changed, never deleted by hand."""

    list_display = ("at", "action", "actor_name", "project_name", "subject", "address")
    list_filter = (("action", ValuesByIndex), "at")
    index = trigrams.EVENTS
    search_fields = index.columns
    sortable_by = ("at",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
