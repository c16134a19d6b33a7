"""What a robot may do with workloads."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from django.test import Client

from projects import services
from projects.models import AuditEvent, Robot
from tests.support.people import DIGEST, Team
from tests.workloads.inventories import inventory
from workloads.models import Cluster

pytestmark = pytest.mark.django_db


def robot_headers(robot: Robot, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{robot.login}:{secret}".encode()).decode()}


@pytest.mark.parametrize(("access", "status"), [("push", 200), ("pull", 403)])
def test_a_push_robot_sends_an_inventory_and_nothing_else(team: Team, access: str, status: int) -> None:
    robot, secret = services.create_robot(
        project=team.project, by=team.users["maintainer"], name="c1", access=access
    )
    cluster = Cluster.objects.create(project=team.project, name="c1")
    path = f"/api/v1/projects/{team.project.pk}/clusters/{cluster.pk}"
    client = Client()
    packed = gzip.compress(json.dumps(inventory(("nginx:1.27", DIGEST))).encode())

    def post(headers: dict[str, str], where: str = f"{path}/inventory") -> int:
        return client.post(
            where, packed, content_type="application/json", headers={**headers, "Content-Encoding": "gzip"}
        ).status_code

    assert post(robot_headers(robot, secret)) == status
    assert post(robot_headers(robot, "wrong")) == 401
    assert post(robot_headers(robot, secret), f"{path}/import") == 401
    assert client.get(path, headers=robot_headers(robot, secret)).status_code == 401
    other = Cluster.objects.create(project=Team.make("other").project, name="c1")
    assert (
        post(
            robot_headers(robot, secret), f"/api/v1/projects/{other.project_id}/clusters/{other.pk}/inventory"
        )
        == 404
    )
    if access == "push":
        event = AuditEvent.objects.get(action="cluster.inventory")
        assert (event.actor, event.actor_name) == (None, robot.login)
