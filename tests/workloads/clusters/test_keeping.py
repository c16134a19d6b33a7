"""What a cluster runs is held."""

from __future__ import annotations

import pytest

from tests.support.keeping import reasons
from tests.support.people import DIGEST, Team, call
from tests.workloads.inventories import inventory
from workloads.models import Cluster

pytestmark = pytest.mark.django_db
OTHER = "sha256:" + "b" * 64


def test_a_digest_that_a_manifest_pins_is_held(team: Team) -> None:
    cluster = Cluster.objects.create(project=team.project, name="c1")
    path, headers = f"/projects/{team.project.pk}/clusters/{cluster.pk}", team.bearer("developer")
    call("POST", f"{path}/inventory", inventory((f"nginx:1.27@{OTHER}", "")), headers)
    assert set(reasons(team.project, [OTHER])) == {OTHER}


def test_what_a_cluster_runs_is_held(team: Team) -> None:
    cluster = Cluster.objects.create(project=team.project, name="c1")
    path, headers = f"/projects/{team.project.pk}/clusters/{cluster.pk}", team.bearer("developer")
    call("POST", f"{path}/inventory", inventory(("nginx:1.27", OTHER)), headers)
    found = reasons(team.project, [DIGEST, OTHER])
    assert set(found) == {DIGEST, OTHER}
    assert found[OTHER].params == {"cluster": "c1"}
    cluster.delete()
    assert reasons(team.project, [DIGEST, OTHER]) == {}
