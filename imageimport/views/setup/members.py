"""Members: add, change the role, let go."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from projects import services
from projects.forms import MemberForm, roles_to_give
from projects.models import Membership, Project, Role
from projects.views.decorators import asked, go, project_view, rights_in, user_of


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Someone joins, by user name."""
    rights = rights_in(project)
    form = MemberForm(
        request.POST if request.method == "POST" else None, names_owners=rights.own, auto_id="member-%s"
    )
    back = settings_of(project, "members")
    if request.method == "POST" and form.is_valid():
        user, role = form.cleaned_data["username"], Role(form.cleaned_data["role"])
        try:
            services.add_member(
                project=project,
                by=user_of(request),
                by_role=rights.role,
                user=user,
                role=role,
                request=request,
            )
        except services.Taken:
            form.add_error("username", _("This user is a member already."))
        except services.NotYours:
            form.add_error("role", _("Only owners name owners."))
        else:
            messages.success(request, _("%(user)s is a member now.") % {"user": user.get_username()})
            return go(request, back)
    context = {"form": form, "project": project}
    return asked(
        request, "imageimport/settings/member.html", context, back=back, status=422 if form.is_bound else 200
    )


@require_POST
@project_view(Role.MAINTAINER)
def change(request: HttpRequest, project: Project, member_id: UUID) -> HttpResponse:
    """Another role for a member."""
    member = _member(project, member_id)
    rights = rights_in(project)
    role = request.POST.get("role", "")
    if role in dict(roles_to_give(rights.own)):
        try:
            services.change_member(
                member=member, by=user_of(request), by_role=rights.role, role=Role(role), request=request
            )
        except services.LastOwner:
            messages.error(request, _("The last owner can't go. Name another owner first."))
        except services.NotYours:
            messages.error(request, _("Only an owner names owners, changes them or lets them go."))
        else:
            said = _("%(user)s now has the role %(role)s.")
            messages.success(request, said % {"user": member.user.get_username(), "role": Role(role).label})
    return redirect(settings_of(project, "members"))


@require_POST
@project_view(Role.MAINTAINER)
def remove(request: HttpRequest, project: Project, member_id: UUID) -> HttpResponse:
    """A member leaves."""
    member = _member(project, member_id)
    try:
        services.remove_member(
            member=member, by=user_of(request), by_role=rights_in(project).role, request=request
        )
    except services.LastOwner:
        messages.error(request, _("The last owner can't go. Name another owner first."))
    except services.NotYours:
        messages.error(request, _("Only an owner names owners, changes them or lets them go."))
    else:
        messages.success(request, _("%(user)s is no member any more.") % {"user": member.user.get_username()})
    if member.user_id == user_of(request).pk and not user_of(request).is_superuser:
        return redirect("home")
    return redirect(settings_of(project, "members"))


def settings_of(project: Project, section: str) -> str:
    """The address of a section of the settings page."""
    return reverse("settings", args=[project.name]) + f"#{section}"


def _member(project: Project, member_id: UUID) -> Membership:
    return get_object_or_404(
        Membership.objects.filter(project=project).select_related("user", "project"), pk=member_id
    )
