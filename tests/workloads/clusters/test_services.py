"""Inventories as they are taken."""

from __future__ import annotations

import pytest

from projects.models import AuditEvent
from tests.support.people import DIGEST, Team, call
from tests.workloads.inventories import inventory
from workloads.models import Cluster

pytestmark = pytest.mark.django_db


def test_the_same_inventory_again_is_no_news(team: Team) -> None:
    cluster = Cluster.objects.create(project=team.project, name="c1")
    path, headers = f"/projects/{team.project.pk}/clusters/{cluster.pk}/inventory", team.bearer("developer")
    for _ in range(2):
        call("POST", path, inventory(("nginx:1.27", DIGEST)), headers)
    assert AuditEvent.objects.filter(action="cluster.inventory").count() == 1
