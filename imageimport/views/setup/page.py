"""``…/settings/``: members for every reader, a member's own digest; the rest for those who may change it."""

from __future__ import annotations

from typing import Any

from django.conf import settings as configured
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from imageimport import quotas
from imageimport.choices import WebhookEvent
from imageimport.models import Credential, Webhook
from imageimport.policy import trust
from imageimport.webhooks.selectors import webhooks_of
from imageimport.webhooks.subscriptions import subscription_of
from projects.forms import roles_to_give
from projects.models import GroupRole, Membership, Project, Robot, Role
from projects.views.answers import render_project
from projects.views.decorators import current_rights, current_user, project_view


@require_GET
@project_view(Role.VIEWER)
def settings(request: HttpRequest, project: Project) -> HttpResponse:
    """Lists of what the project is set up with."""
    rights, user = current_rights(project), current_user(request)
    members = list(
        Membership.objects.filter(project=project).select_related("user").order_by("user__username")
    )
    context: dict[str, Any] = {
        "members": members,
        "roles": roles_to_give(rights.own),
        "groups": [(row, Role(row.role).label) for row in GroupRole.objects.filter(project=project)],
        "has_groups": bool(configured.OIDC_GROUPS_CLAIM),
        "me": user,
    }
    if configured.MAIL_ENABLED and rights.member:
        context |= {"mails": True, "digest": subscription_of(project=project, user=user)}
    if rights.maintain:
        context |= {
            "credentials": Credential.objects.filter(project=project).defer("password").order_by("name"),
            "webhooks": _labelled(webhooks_of(project)),
            "anchors": trust.of_project(project),
            "robots": Robot.objects.filter(project=project).select_related("project"),
            "usage": _usage(project),
        }
    return render_project(request, project, "imageimport/settings/page.html", context, tab="settings")


def _labelled(webhooks: QuerySet[Webhook]) -> list[Webhook]:
    labels: dict[str, Any] = dict(WebhookEvent.choices)
    rows: list[Any] = list(webhooks)
    for row in rows:
        row.event_labels = [labels.get(event, event) for event in row.events]
    return rows


def _usage(project: Project) -> list[dict[str, Any]]:
    """What the project holds, beside its limits."""
    held = quotas.usage(project)
    return [
        {"what": what, "used": getattr(held, what), "limit": getattr(held, f"{what}_limit")}
        for what in ("images", "bytes", "queued")
    ]
