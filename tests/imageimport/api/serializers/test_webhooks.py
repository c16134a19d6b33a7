"""What may be said of a webhook."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from projects.models import Project
from tests.imageimport.paths import path

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"events": ["import.failed"]}, "url"),
        ({"url": "https://hooks.example.com/", "events": ["nonsense"]}, "events"),
        ({"url": "https://hooks.example.com/", "events": []}, "events"),
    ],
)
def test_wrong_webhooks_are_named(api: APIClient, project: Project, body: dict[str, Any], field: str) -> None:
    answer = api.post(path(project, "webhooks"), body)
    assert (answer.status_code, list(answer.json())) == (400, [field])
