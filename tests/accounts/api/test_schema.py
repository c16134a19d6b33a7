"""Every call of the OpenAPI document says how one signs in, and with what it may be refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def paths() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Client().get("/api/schema", {"format": "json"}).content)["paths"]
    return found


def test_every_call_has_the_refusals_that_all_share(paths: dict[str, Any]) -> None:
    for path, calls in paths.items():
        for method, call in calls.items():
            if method == "parameters":
                continue
            told = set(call["responses"])
            assert {"403", "404", "406", "429", "503"} <= told, (path, method)
            if method in {"post", "put", "patch", "delete"}:
                assert {"400", "413", "415"} <= told, (path, method)


def test_reading_without_filters_has_no_bad_request(paths: dict[str, Any]) -> None:
    one, many = paths["/api/v1/projects/{project_id}"]["get"], paths["/api/v1/projects"]["get"]
    assert "400" not in one["responses"]
    assert "400" in many["responses"]


def test_a_filter_may_be_sent_empty(paths: dict[str, Any]) -> None:
    listed = [each for each in paths["/api/v1/projects"]["get"]["parameters"] if each["in"] == "query"]
    assert listed
    assert all(each["allowEmptyValue"] for each in listed)


def test_signing_in_needs_no_token_and_the_rest_does(paths: dict[str, Any]) -> None:
    tokens = paths["/api/v1/auth/tokens"]
    assert {"bearer": []} in tokens["get"]["security"]
    assert {"bearer": []} not in tokens["post"].get("security", [])
