"""``…/settings/``: members for every reader; the rest for those who may change it."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from imageimport import quotas
from imageimport.choices import WebhookEvent
from imageimport.models import Credential, Webhook, WebhookDelivery
from projects.forms import roles_to_give
from projects.models import Membership, Project, Robot, Role
from projects.views.decorators import project_view, rights_in, user_of


@require_GET
@project_view(Role.VIEWER)
def settings(request: HttpRequest, project: Project) -> HttpResponse:
    """Lists of what the project is set up with."""
    rights = rights_in(project)
    members = list(
        Membership.objects.filter(project=project).select_related("user").order_by("user__username")
    )
    context: dict[str, Any] = {
        "project": project,
        "can": rights,
        "tab": "settings",
        "members": members,
        "roles": roles_to_give(rights.own),
        "me": user_of(request),
    }
    if rights.maintain:
        context |= {
            "credentials": Credential.objects.filter(project=project).defer("password").order_by("name"),
            "webhooks": _labelled(webhooks_of(project)),
            "robots": Robot.objects.filter(project=project).select_related("project"),
            "usage": _usage(project),
        }
    return render(request, "imageimport/settings/page.html", context)


def webhooks_of(project: Project) -> QuerySet[Webhook]:
    """Each with the state of its latest delivery as ``last_state`` and ``last_at``."""
    latest = WebhookDelivery.objects.filter(webhook=OuterRef("pk")).order_by("-created_at", "-id")
    return (
        Webhook.objects.filter(project=project)
        .defer("secret")
        .annotate(
            last_state=Subquery(latest.values("state")[:1]), last_at=Subquery(latest.values("created_at")[:1])
        )
    )


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
