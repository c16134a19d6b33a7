"""What a payload says."""

from __future__ import annotations

import pytest

from imageimport.choices import Status
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks import services as webhooks
from imageimport.webhooks.payloads import public
from testbed.scripted_http import ScriptedServer
from tests.imageimport.webhooks.owing import end
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_import_that_ends_is_told_with_its_facts_and_no_secret(
    hook: Webhook, receiver: ScriptedServer
) -> None:
    task = TaskFactory(project=hook.project, username="me", password="canary-password")
    end(task, Status.FAILED)
    assert webhooks.deliver_due() == 1
    (request,) = receiver.requests
    assert b"canary" not in request.body
    told = WebhookDelivery.objects.get().payload
    assert (told["event"], told["task"]["id"], told["task"]["error_code"]) == (
        "import.failed",
        str(task.pk),
        "not_found",
    )
    assert told["task"]["error"] == "Gone."
    assert told["project"]["name"] == hook.project.name
    assert set(public(told)) == {"id", "event", "created_at", "project", "task"}
