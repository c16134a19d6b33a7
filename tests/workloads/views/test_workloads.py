"""The pages of workloads, without JavaScript."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imageimport.models import ImportBatch
from projects.models import Project, Robot
from tests.support.people import DIGEST, Team
from workloads.models import Cluster

pytestmark = pytest.mark.django_db
BASE = "/projects/team/workloads/"
POD = {
    "metadata": {"namespace": "web"},
    "spec": {"containers": [{"name": "a", "image": "redis:7"}]},
    "status": {},
}


def signed_in(team: Team, who: str) -> Client:
    client = Client()
    client.force_login(team.users[who])
    return client


def test_a_pasted_manifest_comes_back(team: Team) -> None:
    page = signed_in(team, "viewer").post(f"{BASE}rewrite/", {"text": "image: nginx:1.27\n", "pin": "on"})
    assert page.status_code == 200
    assert f"registry.test/team/nginx:1.27@{DIGEST}" in page.content.decode()


def test_a_file_comes_back_and_what_is_missing_is_imported(team: Team) -> None:
    file = SimpleUploadedFile("pod.yaml", b"image: redis:7\n")
    page = signed_in(team, "developer").post(f"{BASE}rewrite/", {"file": file, "import_missing": "on"})
    assert f"/batches/{ImportBatch.objects.get().pk}/" in page.content.decode()


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"text": ""},
        {"file": SimpleUploadedFile("x", b"\xff\xfe")},
        {"file": SimpleUploadedFile("x", b"a" * 5_000_000)},
    ],
)
def test_no_text_is_told(team: Team, sent: dict[str, Any]) -> None:
    page = signed_in(team, "viewer").post(f"{BASE}rewrite/", sent)
    assert page.status_code == 422
    assert 'class="errors"' in page.content.decode()


def test_a_viewer_imports_nothing(team: Team) -> None:
    page = signed_in(team, "viewer").post(
        f"{BASE}rewrite/", {"text": "image: redis:7", "import_missing": "on"}
    )
    assert page.status_code == 403
    assert not ImportBatch.objects.exists()


def test_a_configuration_with_a_new_robot(team: Team) -> None:
    client = signed_in(team, "maintainer")
    sent = {"client": "podman", "registries": "docker.io", "name": "c1"}
    page = client.post(f"{BASE}clients/", sent)
    robot = Robot.objects.get(project=team.project)
    assert (robot.name, robot.access) == ("c1", "pull")
    assert "not shown again" in page.content.decode()
    again = client.post(f"{BASE}clients/", sent)
    assert "already exists" in again.content.decode()
    assert Robot.objects.count() == 1
    refused = signed_in(team, "developer").post(f"{BASE}clients/", sent | {"name": "c2"})
    assert refused.status_code == 403


def test_full_names_by_a_button(team: Team) -> None:
    client = signed_in(team, "maintainer")
    assert "Use full names" in client.get(f"{BASE}clients/").content.decode()
    client.post(f"{BASE}clients/full-names/")
    assert Project.objects.get().naming == Project.Naming.FULL
    assert "Use full names" not in client.get(f"{BASE}clients/").content.decode()


def test_a_registry_that_is_none_is_told(team: Team) -> None:
    page = signed_in(team, "viewer").get(f"{BASE}clients/?client=podman&registries=a_b").content.decode()
    assert "a_b is not the name of a registry" in page


@pytest.mark.parametrize("packed", [False, True])
def test_a_cluster_from_its_name_to_its_images(team: Team, packed: bool) -> None:
    client = signed_in(team, "maintainer")
    made = client.post(f"{BASE}clusters/new/", {"name": "c1"})
    cluster = Cluster.objects.get()
    there = f"{BASE}clusters/{cluster.pk}/"
    assert made["Location"] == there
    body = json.dumps({"items": [POD]}).encode()
    file = SimpleUploadedFile("pods.json", gzip.compress(body) if packed else body)
    client.post(f"{there}inventory/", {"file": file})
    assert "redis:7" in client.get(there).content.decode()
    assert "redis:7" not in client.get(f"{there}?state=here").content.decode().partition("<tbody>")[2]
    begun = client.post(f"{there}import/")
    assert begun["Location"] == f"/projects/team/batches/{ImportBatch.objects.get().pk}/"
    assert client.post(f"{BASE}clusters/new/", {"name": "c1"}).status_code == 422
    client.post(f"{there}remove/")
    assert not Cluster.objects.exists()


def test_who_deletes_an_image_is_told_which_cluster_runs_it(team: Team) -> None:
    cluster = Cluster.objects.create(project=team.project, name="c1")
    client = signed_in(team, "maintainer")
    there = f"/projects/team/images/{team.project.images.get().pk}/delete/"
    assert "No other tag points to this image" in client.get(there).content.decode()
    pod = {**POD, "spec": {"containers": [{"name": "a", "image": "nginx:1.27"}]}}
    file = SimpleUploadedFile("pods.json", json.dumps({"items": [pod]}).encode())
    client.post(f"{BASE}clusters/{cluster.pk}/inventory/", {"file": file})
    page = client.get(there).content.decode()
    assert "In use by the cluster c1." in page and "is deleted, too" not in page


def test_a_file_that_is_no_inventory_is_told(team: Team) -> None:
    cluster = Cluster.objects.create(project=team.project, name="c1")
    client = signed_in(team, "developer")
    there = f"{BASE}clusters/{cluster.pk}/"
    for sent in ({}, {"file": SimpleUploadedFile("x", b"no")}):
        assert client.post(f"{there}inventory/", sent)["Location"] == there
        assert "alert" in client.get(there).content.decode()
