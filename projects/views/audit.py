"""The audit log of a project: who did what, when and from where."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET

from projects.models import AuditEvent, Project, Role
from projects.token_service import refusals
from projects.views.answers import render_project
from projects.views.decorators import project_view
from projects.views.pagination import page_of

#: Actions in words; an unknown one is shown by its name.
ACTIONS: Final = {
    "project.created": gettext_noop("created the project"),
    "project.changed": gettext_noop("changed the project"),
    "project.deleted": gettext_noop("deleted the project"),
    "member.added": gettext_noop("added a member"),
    "member.changed": gettext_noop("changed a member's role"),
    "member.removed": gettext_noop("removed a member"),
    "robot.created": gettext_noop("created a robot account"),
    "robot.deleted": gettext_noop("revoked a robot account"),
    "image.deleted": gettext_noop("deleted an image"),
    "image.restored": gettext_noop("rolled back a tag"),
    "image.pushed": gettext_noop("pushed an image"),
    "image.cleaned": gettext_noop("removed an image by a clean-up rule"),
    "trash.restored": gettext_noop("restored an image from the trash"),
    "trash.emptied": gettext_noop("deleted an image from the trash"),
    "trash.expired": gettext_noop("deleted an image from the trash when its time was up"),
    "tag.restored": gettext_noop("restored a protected tag"),
    "protection.added": gettext_noop("added a pattern of protected tags"),
    "protection.removed": gettext_noop("removed the protection of tags"),
    "retention.created": gettext_noop("added a clean-up rule"),
    "retention.changed": gettext_noop("changed a clean-up rule"),
    "retention.deleted": gettext_noop("deleted a clean-up rule"),
    "retention.run": gettext_noop("ran the clean-up"),
    "import.created": gettext_noop("started an import"),
    "import.requested": gettext_noop("requested an import"),
    "request.approved": gettext_noop("approved an import"),
    "request.rejected": gettext_noop("rejected an import"),
    "request.expired": gettext_noop("let a request expire"),
    "group.added": gettext_noop("gave a group a role"),
    "group.changed": gettext_noop("changed the role of a group"),
    "group.removed": gettext_noop("removed the role of a group"),
    "rule.created": gettext_noop("added a rule"),
    "rule.changed": gettext_noop("changed a rule"),
    "rule.moved": gettext_noop("moved a rule"),
    "rule.deleted": gettext_noop("deleted a rule"),
    "import.canceled": gettext_noop("canceled an import"),
    "import.now": gettext_noop("let an import run outside its hours"),
    "trust.created": gettext_noop("added a trusted signer"),
    "trust.deleted": gettext_noop("deleted a trusted signer"),
    "upload.created": gettext_noop("began to upload"),
    "upload.deleted": gettext_noop("deleted the uploaded file"),
    "source.created": gettext_noop("added a rule for sources"),
    "source.changed": gettext_noop("changed a rule for sources"),
    "source.deleted": gettext_noop("deleted a rule for sources"),
    "scanner.created": gettext_noop("added a scanner"),
    "scanner.changed": gettext_noop("changed a scanner"),
    "scanner.deleted": gettext_noop("deleted a scanner"),
    "scan.requested": gettext_noop("requested a scan of an image"),
    "batch.created": gettext_noop("started a batch"),
    "batch.canceled": gettext_noop("canceled a batch"),
    "batch.retried": gettext_noop("retried a batch"),
    "bundle.created": gettext_noop("created a bundle"),
    "bundle.downloaded": gettext_noop("downloaded a bundle"),
    "bundle.exported": gettext_noop("exported images on the command line"),
    "bundle.deleted": gettext_noop("deleted a bundle"),
    "schedule.created": gettext_noop("created a scheduled sync"),
    "schedule.changed": gettext_noop("changed a scheduled sync"),
    "schedule.deleted": gettext_noop("deleted a scheduled sync"),
    "schedule.run": gettext_noop("ran a scheduled sync"),
    "credential.created": gettext_noop("saved a credential"),
    "credential.changed": gettext_noop("changed a credential"),
    "credential.deleted": gettext_noop("deleted a credential"),
    "webhook.created": gettext_noop("created a webhook"),
    "webhook.changed": gettext_noop("changed a webhook"),
    "webhook.deleted": gettext_noop("deleted a webhook"),
    "webhook.tested": gettext_noop("sent a test message to a webhook"),
    "webhook.redelivered": gettext_noop("resent a webhook event"),
    "collection.requested": gettext_noop("requested a garbage collection"),
    "collection.ended": gettext_noop("finished a garbage collection"),
    "cluster.created": gettext_noop("added a cluster"),
    "cluster.deleted": gettext_noop("removed a cluster"),
    "cluster.inventory": gettext_noop("sent the inventory of a cluster"),
    "registry.granted": gettext_noop("was granted access to the registry"),
    "registry.refused": gettext_noop("was denied access to the registry"),
}


@require_GET
@project_view(Role.MAINTAINER)
def audit_log(request: HttpRequest, project: Project) -> HttpResponse:
    """A page of the audit log, newest first; ``?action=`` narrows it."""
    action = request.GET.get("action", "").replace("\0", "")
    events = AuditEvent.objects.filter(project=project)
    if action:
        events = events.filter(action=action)
    page = page_of(request, events, by="at")
    for event in page.rows:
        event.words = _(ACTIONS[event.action]) if event.action in ACTIONS else event.action
    choices: list[tuple[str, Any]] = [(name, _(words)) for name, words in ACTIONS.items()]
    context = {
        "page": page,
        "action": action,
        "choices": choices,
        "kept": [("action", action)] if action else [],
        "list_url": reverse("audit", args=[project.name]),
        "refusals": refusals.lately(project.name),
    }
    return render_project(request, project, "projects/settings/audit.html", context, tab="settings")
