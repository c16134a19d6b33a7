"""Inventories over the API."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.test import Client

from tests.support.people import Team, call
from tests.workloads.inventories import inventory
from workloads.models import Cluster

pytestmark = pytest.mark.django_db
OTHER = "sha256:" + "b" * 64


def test_an_empty_inventory_is_none(team: Team) -> None:
    cluster = Cluster.objects.create(project=team.project, name="c1")
    path = f"/api/v1/projects/{team.project.pk}/clusters/{cluster.pk}/inventory"
    answer = Client().post(path, b"", content_type="application/json", headers=team.bearer("developer"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_inventory")


def test_five_thousand_pods_take_few_questions_and_less_than_to_read_them_at_once(
    team: Team, django_assert_max_num_queries: Any
) -> None:
    cluster = Cluster.objects.create(project=team.project, name="c1")
    path, headers = f"/projects/{team.project.pk}/clusters/{cluster.pk}/inventory", team.bearer("developer")
    sent = inventory(*((f"app{number % 800}:1", OTHER) for number in range(5000)))
    # What kubectl says besides, of which nothing is read: 40 MB in all.
    besides = {f"f:{number}": {"f:key": "value", "f:more": [1, {}]} for number in range(160)}
    for pod in sent["items"]:
        pod["metadata"]["managedFields"] = besides
    text = json.dumps(sent).encode()
    assert len(text) > 38 * 10**6
    began = time.process_time()
    with django_assert_max_num_queries(30):
        said = call("POST", path, text, headers).json()
    took = time.process_time() - began
    assert (said["pods"], said["images"]) == (5000, 800)
    # Less than to read it all at once, which takes 3.6 seconds where this takes 2.0.
    json.loads(text)
    assert took < time.process_time() - began - took
