"""Webhooks and their deliveries in the API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from imageimport.models import Webhook, WebhookDelivery
from projects.models import Project
from tests.imageimport.paths import path

pytestmark = pytest.mark.django_db


def test_a_webhooks_secret_goes_in_and_never_out(api: APIClient, project: Project) -> None:
    body = {"url": "https://hooks.example.com/x", "secret": "canary", "events": ["import.failed"]}
    answer = api.post(path(project, "webhooks"), body)
    assert answer.status_code == 201
    assert (answer.json()["events"], answer.json()["enabled"]) == (["import.failed"], True)
    hook = Webhook.objects.get()
    assert api.patch(path(project, "webhooks", hook.pk), {"enabled": False}).json()["has_secret"] is True
    hook.refresh_from_db()
    assert hook.secret.reveal() == "canary"
    assert "canary" not in api.get(path(project, "webhooks")).content.decode() + answer.content.decode()


def test_the_log_of_deliveries_and_sending_again(api: APIClient, project: Project) -> None:
    hook = Webhook.objects.create(project=project, url="https://hooks.example.com/", events=["import.failed"])
    sent = WebhookDelivery.objects.create(
        webhook=hook,
        event="import.failed",
        payload={"id": "1"},
        state="failed",
        attempts=10,
        response_status=500,
    )
    where = path(project, "webhooks", hook.pk, "deliveries")
    (shown,) = api.get(where).json()["results"]
    assert (shown["state"], shown["attempts"], shown["next_attempt_at"]) == ("failed", 10, None)
    assert api.get(f"{where}/{sent.pk}").json()["payload"] == {"id": "1"}
    again = api.post(f"{where}/{sent.pk}/redeliver")
    assert (again.status_code, again.json()["state"], again.json()["payload"]) == (
        202,
        "pending",
        {"id": "1"},
    )
    assert api.get(path(project, "webhooks")).json()["results"][0]["last_state"] == "pending"
