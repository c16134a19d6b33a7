"""Webhooks that send mail, and what there is to send."""

from __future__ import annotations

from typing import Any

from imageimport.choices import Status, WebhookEvent
from imageimport.models import Webhook
from imageimport.webhooks import outbox, payloads
from imageimport.webhooks import services as webhooks
from projects.models import Project, Role
from tests.support.factories import TaskFactory, member

TO = ["ada@example.test", "ops@example.test"]


def make(**values: Any) -> Webhook:
    user, project = member(Role.MAINTAINER)
    wanted = webhooks.NewWebhook(kind="email", addresses=TO, **values)
    return webhooks.create(project=project, user=user, wanted=wanted)


def fail(project: Project) -> None:
    task = TaskFactory(
        project=project,
        status=Status.FAILED,
        source_image="docker.io/library/nginx:1\nX-Evil: 1",
        error="Gone.",
    )
    event = WebhookEvent.IMPORT_FAILED
    make_payload = lambda: payloads.of_task(event.value, task)  # noqa: E731
    outbox.enqueue(project_id=project.pk, event=event, failed=True, make=make_payload)
