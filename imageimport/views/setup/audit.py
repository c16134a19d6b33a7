"""The journal of a project: who did what, when and from where."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET

from projects.models import AuditEvent, Project, Role
from projects.token_service import refusals
from projects.views.decorators import project_view, rights_in
from projects.views.pagination import page_of

#: Actions in words; an unknown one is shown by its name.
ACTIONS: Final = {
    "project.created": gettext_noop("made the project"),
    "project.changed": gettext_noop("changed the project"),
    "project.deleted": gettext_noop("deleted the project"),
    "member.added": gettext_noop("added a member"),
    "member.changed": gettext_noop("changed a member's role"),
    "member.removed": gettext_noop("removed a member"),
    "robot.created": gettext_noop("made a robot account"),
    "robot.deleted": gettext_noop("revoked a robot account"),
    "image.deleted": gettext_noop("deleted an image"),
    "image.restored": gettext_noop("put a tag back on an earlier image"),
    "image.pushed": gettext_noop("pushed an image"),
    "import.created": gettext_noop("started an import"),
    "import.canceled": gettext_noop("canceled an import"),
    "batch.created": gettext_noop("started a batch"),
    "batch.canceled": gettext_noop("canceled a batch"),
    "batch.retried": gettext_noop("retried a batch"),
    "schedule.created": gettext_noop("made a scheduled sync"),
    "schedule.changed": gettext_noop("changed a scheduled sync"),
    "schedule.deleted": gettext_noop("deleted a scheduled sync"),
    "schedule.run": gettext_noop("ran a scheduled sync"),
    "credential.created": gettext_noop("saved a credential"),
    "credential.changed": gettext_noop("changed a credential"),
    "credential.deleted": gettext_noop("deleted a credential"),
    "webhook.created": gettext_noop("made a webhook"),
    "webhook.changed": gettext_noop("changed a webhook"),
    "webhook.deleted": gettext_noop("deleted a webhook"),
    "webhook.redelivered": gettext_noop("sent a webhook's event again"),
    "registry.granted": gettext_noop("was let in at the registry"),
    "registry.refused": gettext_noop("was refused at the registry"),
}


@require_GET
@project_view(Role.MAINTAINER)
def audit(request: HttpRequest, project: Project) -> HttpResponse:
    """A page of the journal, newest first; ``?action=`` narrows it."""
    action = request.GET.get("action", "").replace("\0", "")
    events = AuditEvent.objects.filter(project=project)
    if action:
        events = events.filter(action=action)
    page = page_of(request, events, by="at")
    for event in page.rows:
        event.words = _(ACTIONS[event.action]) if event.action in ACTIONS else event.action
    choices: list[tuple[str, Any]] = [(name, _(words)) for name, words in ACTIONS.items()]
    context = {
        "project": project,
        "can": rights_in(project),
        "tab": "settings",
        "page": page,
        "action": action,
        "choices": choices,
        "kept": [("action", action)] if action else [],
        "list_url": reverse("audit", args=[project.name]),
        "refusals": refusals.lately(project.name),
    }
    return render(request, "imageimport/settings/audit.html", context)
