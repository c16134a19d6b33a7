"""Members: add, change the role, let go."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from projects import services
from projects.forms import MemberForm, roles_to_give
from projects.models import Membership, Project, Role
from projects.views.answers import edit_view, refusals_at, settings_of
from projects.views.decorators import current_rights, current_user, project_view, redirect_htmx


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Someone joins, by user name."""
    rights = current_rights(project)
    form = MemberForm(
        request.POST if request.method == "POST" else None, names_owners=rights.own, auto_id="member-%s"
    )

    def save() -> HttpResponse:
        user, role = form.cleaned_data["username"], Role(form.cleaned_data["role"])
        services.add_member(project=project, by_role=rights.role, user=user, role=role)
        messages.success(request, _("%(user)s is now a member.") % {"user": user.get_username()})
        return redirect_htmx(request, back)

    back = settings_of(project, "members")
    context = {"project": project}
    return edit_view(
        request, form, save, template="projects/settings/member.html", context=context, back=back
    )


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("settings#members")
def change(request: HttpRequest, project: Project, member_id: UUID) -> HttpResponse:
    """Another role for a member."""
    member = _member(project, member_id)
    rights = current_rights(project)
    role = request.POST.get("role", "")
    if role in dict(roles_to_give(rights.own)):
        services.change_member(member=member, by_role=rights.role, role=Role(role))
        sentence = _("%(user)s now has the role %(role)s.")
        messages.success(request, sentence % {"user": member.user.get_username(), "role": Role(role).label})
    return redirect(settings_of(project, "members"))


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("settings#members")
def remove(request: HttpRequest, project: Project, member_id: UUID) -> HttpResponse:
    """A member leaves."""
    member = _member(project, member_id)
    services.remove_member(member=member, by_role=current_rights(project).role)
    messages.success(
        request, _("%(user)s was removed from the project.") % {"user": member.user.get_username()}
    )
    if member.user_id == current_user(request).pk and not current_user(request).is_superuser:
        return redirect("home")
    return redirect(settings_of(project, "members"))


def _member(project: Project, member_id: UUID) -> Membership:
    return get_object_or_404(
        Membership.objects.filter(project=project).select_related("user", "project"), pk=member_id
    )
