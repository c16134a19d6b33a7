"""The weekly digest by mail, for the reader alone: wanted, and left again, on the page and by a link in the mail."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from imageimport.webhooks import subscriptions
from projects.models import DigestSubscription, Project, Role
from projects.views.answers import refusals_at, settings_of
from projects.views.decorators import current_rights, current_user, project_view


@require_POST
@project_view(Role.VIEWER)
@refusals_at("settings#digest")
def change(request: HttpRequest, project: Project) -> HttpResponse:
    """``digest=on``: send it to the reader each week; without: no more."""
    if not current_rights(project).member:
        raise PermissionDenied(_("Only members of the project can subscribe to its digest."))
    user = current_user(request)
    if "digest" not in request.POST:
        subscriptions.unsubscribe(project=project, user=user)
        messages.success(request, _("You no longer get the weekly digest."))
        return redirect(settings_of(project, "digest"))
    subscriptions.subscribe(project=project, user=user)
    messages.success(request, _("You'll get the weekly digest at %(email)s.") % {"email": user.email})
    return redirect(settings_of(project, "digest"))


@login_not_required
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """The link of a mail, which mail programs post to by themselves (RFC 8058): they have neither a session nor a CSRF
    token, the signature is what counts. A look changes nothing.

    Template ``imageimport/settings/digest_leave.html``: ``left_project`` (its name; None once it is left).
    """
    found = subscriptions.id_of(token)
    if found is None:
        raise Http404
    rows = DigestSubscription.objects.filter(pk=found)
    if request.method == "POST":
        rows.delete()
    name = rows.values_list("project__name", flat=True).first()
    return render(request, "imageimport/settings/digest_leave.html", {"left_project": name})
