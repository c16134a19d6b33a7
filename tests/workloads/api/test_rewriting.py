"""``/rewrite`` and ``/client-config``: shapes, and what there is no configuration for."""

from __future__ import annotations

import pytest

from imageimport.models import ImportTask
from tests.support.people import DIGEST, Team, call

pytestmark = pytest.mark.django_db
POD = "spec:\n  containers:\n    - image: nginx:1.27\n    - image: redis:7\n"


def test_a_manifest_comes_back_pointing_here(team: Team) -> None:
    answer = call(
        "POST", f"/projects/{team.project.pk}/rewrite", {"text": POD, "pin": True}, team.bearer("viewer")
    )
    said = answer.json()
    assert said["text"] == POD.replace("nginx:1.27", f"registry.test/team/nginx:1.27@{DIGEST}")
    assert said["diff"].count("\n+") == 2
    assert said["images"] == [
        {
            "image": "docker.io/library/nginx:1.27",
            "target_image": "registry.test/team/nginx:1.27",
            "digest": DIGEST,
            "state": "here",
        },
        {
            "image": "docker.io/library/redis:7",
            "target_image": "registry.test/team/redis:7",
            "digest": "",
            "state": "missing",
        },
    ]
    assert (said["batch"], said["skipped"]) == (None, [])
    assert not ImportTask.objects.exists()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("for=nothing", "for"),
        ("for=podman&registries=a_b", "registries"),
        ("for=podman&registries=docker", "registries"),
    ],
)
def test_what_there_is_no_configuration_for(team: Team, query: str, field: str) -> None:
    answer = call("GET", f"/projects/{team.project.pk}/client-config?{query}", None, team.bearer("viewer"))
    assert answer.status_code == 400
    assert field in answer.json()
    # A browser is shown the same on a page, with the form of what a maintainer may post.
    headers = {**team.bearer("maintainer"), "Accept": "text/html"}
    page = call("GET", f"/projects/{team.project.pk}/client-config?{query}", None, headers)
    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/json"])
def test_configurations_are_plain_text(team: Team, accept: str) -> None:
    path = f"/projects/{team.project.pk}/client-config?for=containerd,podman&registries=docker.io,ghcr.io"
    answer = call("GET", path, None, {**team.bearer("viewer"), "Accept": accept})
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.content.decode()
    assert "# file: /etc/containerd/certs.d/ghcr.io/hosts.toml\n" in text
    assert 'location = "registry.test/team/docker.io"' in text
