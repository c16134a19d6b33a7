"""Groups of the identity provider: give them a role, take it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from projects.forms import GroupForm
from projects.groups import services as groups
from projects.models import GroupRole, Project, Role
from projects.views.answers import edit_view, refusals_at, settings_of
from projects.views.decorators import current_rights, project_view, redirect_htmx


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """A group gets a role, by its name at the identity provider."""
    rights = current_rights(project)
    form = GroupForm(
        request.POST if request.method == "POST" else None, names_owners=rights.own, auto_id="group-%s"
    )

    def save() -> HttpResponse:
        name, role = form.cleaned_data["group"], Role(form.cleaned_data["role"])
        groups.add(project=project, by_role=rights.role, group=name, role=role)
        messages.success(
            request, _("The group %(group)s now has the role %(role)s.") % {"group": name, "role": role.label}
        )
        return redirect_htmx(request, back)

    back = settings_of(project, "members")
    context = {"project": project}
    return edit_view(request, form, save, template="projects/settings/group.html", context=context, back=back)


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("settings#members")
def remove(request: HttpRequest, project: Project, group_id: UUID) -> HttpResponse:
    """A group's role ends."""
    row = get_object_or_404(GroupRole.objects.filter(project=project).select_related("project"), pk=group_id)
    groups.remove(group=row, by_role=current_rights(project).role)
    messages.success(request, _("The group %(group)s no longer has a role.") % {"group": row.group})
    return redirect(settings_of(project, "members"))
