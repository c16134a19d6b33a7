"""Which images of a cluster are here, missing, or here with another digest."""

from __future__ import annotations

import pytest

from imageimport.models import ImportTask
from tests.support.people import DIGEST, Team, call
from tests.workloads.inventories import inventory
from workloads.models import Cluster

pytestmark = pytest.mark.django_db
OTHER = "sha256:" + "b" * 64


def test_the_states_part_the_images_of_a_cluster(team: Team) -> None:
    cluster = Cluster.objects.create(project=team.project, name="c1")
    path, headers = f"/projects/{team.project.pk}/clusters/{cluster.pk}", team.bearer("developer")
    sent = inventory(
        ("nginx:1.27", DIGEST),
        ("nginx:1.27", OTHER),
        ("nginx:1.27", ""),
        ("redis:7", OTHER),
        (f"redis@{OTHER}", OTHER),
    )
    said = call("POST", f"{path}/inventory", sent, headers).json()
    assert said.pop("seen_at")
    assert said == {"pods": 5, "images": 5, "here": 2, "missing": 2, "other_digest": 1, "by_tag_only": 4}
    rows = call("GET", f"{path}/images?state=other_digest", None, headers).json()["results"]
    assert rows == [
        {
            "image": "nginx:1.27",
            "digest": OTHER,
            "state": "other_digest",
            "target_image": "registry.test/team/nginx:1.27",
            "pods": 1,
            "namespaces": ["web"],
        }
    ]
    assert call("GET", f"{path}/images?state=x", None, headers).status_code == 400
    begun = call("POST", f"{path}/import", None, headers)
    assert begun.status_code == 202
    # What is named by a digest moves no tag that people pull by.
    assert {(task.source_image, task.target_tag) for task in ImportTask.objects.all()} == {
        ("docker.io/library/redis:7", "7"),
        (f"docker.io/library/redis@{OTHER}", "digest-bbbbbbbbbbbb"),
    }
    ImportTask.objects.update(status="running", stage="pull")
    answer = call("POST", f"{path}/import", None, headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_missing")
