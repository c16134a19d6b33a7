"""``/projects/{id}/trust`` and ``/trust``, and the verdict with tasks and images."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import TrustAnchor
from tests.support.content.signing import Key
from tests.support.factories import TaskFactory
from tests.support.people import CALLERS, Team, call

pytestmark = pytest.mark.django_db
PEM = Key().pem
FIELDS = {
    *(
        "id",
        "name",
        "kind",
        "public_key",
        "issuer",
        "identity",
        "identity_is_pattern",
        "sources",
        "created_at",
    )
}
SIGNER = {"name": "release", "kind": "key", "public_key": PEM, "sources": ["docker.io/library/*"]}
IDENTITY = {
    "name": "ci",
    "kind": "keyless",
    "issuer": "https://token.actions.githubusercontent.com",
    "identity": "https://github.com/acme/*",
    "identity_is_pattern": True,
}


@pytest.mark.parametrize("body", [SIGNER, IDENTITY])
def test_an_anchor_is_made_shown_and_deleted(body: dict[str, Any]) -> None:
    team = Team.make()
    headers = team.bearer("maintainer")
    path = f"/projects/{team.project.pk}/trust"
    made = call("POST", path, body, headers)
    assert made.status_code == 201
    assert set(made.json()) == FIELDS
    assert {name: made.json()[name] for name in body if name != "public_key"} == {
        name: value for name, value in body.items() if name != "public_key"
    }
    listed = call("GET", path, None, headers).json()
    assert (listed["next"], listed["previous"], listed["results"]) == (None, None, [made.json()])
    one = f"{path}/{made.json()['id']}"
    assert call("GET", one, None, headers).json() == made.json()
    for method in ("PUT", "PATCH"):
        assert call(method, one, {"name": "x"}, headers).status_code == 405
    assert call("DELETE", one, None, headers).status_code == 204
    assert not TrustAnchor.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"public_key": ""}, "public_key"),
        ({"public_key": "x" * 9000}, "public_key"),
        ({"kind": "password"}, "kind"),
        ({"name": ""}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"sources": "docker.io/*"}, "sources"),
        ({"sources": [""]}, "sources"),
        ({"kind": "keyless"}, "issuer"),
    ],
)
def test_what_is_wrong_is_a_field_error(change: dict[str, Any], field: str) -> None:
    team = Team.make()
    answer = call("POST", f"/projects/{team.project.pk}/trust", SIGNER | change, team.bearer("owner"))
    assert answer.status_code == 400
    assert field in answer.json()


@pytest.mark.parametrize("caller", CALLERS)
def test_those_of_the_installation_are_for_superusers(caller: str) -> None:
    team = Team.make()
    anchor = TrustAnchor.objects.create(name="hub", kind="keyless", issuer="https://i", identity="a")
    calls = [
        ("GET", "/trust", None, 200),
        ("POST", "/trust", SIGNER, 201),
        ("GET", f"/trust/{anchor.pk}", None, 200),
        ("DELETE", f"/trust/{anchor.pk}", None, 204),
    ]
    for method, path, body, good in calls:
        answer = call(method, path, body, team.bearer(caller))
        expected = 401 if caller == "anonymous" else good if caller == "superuser" else 403
        assert answer.status_code == expected, (method, answer.content)


def test_those_of_the_installation_and_of_projects_are_kept_apart() -> None:
    team, other = Team.make(), Team.make("other")
    of_all = TrustAnchor.objects.create(name="hub", kind="keyless")
    own = TrustAnchor.objects.create(project=team.project, name="own", kind="keyless")
    foreign = TrustAnchor.objects.create(project=other.project, name="foreign", kind="keyless")
    path, headers = f"/projects/{team.project.pk}/trust", team.bearer("superuser")
    assert [each["name"] for each in call("GET", path, None, headers).json()["results"]] == ["own"]
    assert [each["name"] for each in call("GET", "/trust", None, headers).json()["results"]] == ["hub"]
    for anchor in (of_all, foreign):
        assert call("DELETE", f"{path}/{anchor.pk}", None, headers).status_code == 404
    assert call("DELETE", f"/trust/{own.pk}", None, headers).status_code == 404


def test_tasks_and_images_carry_their_verdict_in_the_readers_language() -> None:
    team = Team.make()
    kept: dict[str, Any] = {
        "state": "invalid",
        "by": "",
        "at": None,
        "digest": "sha256:" + "a" * 64,
        "reason": {
            "template": "Signed by %(by)s, who isn't trusted here.",
            "params": {"by": "eve@example.com"},
        },
        "anchors": [],
        "at_target": False,
    }
    task = TaskFactory(project=team.project, signature=kept)
    image = team.image(signature=kept)
    headers = team.bearer("viewer")
    for path in (f"images/import/{task.pk}", f"images/{image.pk}"):
        said = call("GET", f"/projects/{team.project.pk}/{path}", None, headers).json()["signature"]
        assert said == {
            "state": "invalid",
            "by": "",
            "detail": "Signed by eve@example.com, who isn't trusted here.",
        }
        chinese = headers | {"Accept-Language": "zh-Hans"}
        said = call("GET", f"/projects/{team.project.pk}/{path}", None, chinese).json()["signature"]
        assert said["detail"] == "签名者是 eve@example.com，此处不信任该签名者。"
    for path in ("images/import", "images"):
        (row,) = call("GET", f"/projects/{team.project.pk}/{path}", None, headers).json()["results"]
        assert row["signature"]["state"] == "invalid"


def test_what_nobody_asked_is_unknown() -> None:
    team = Team.make()
    task = TaskFactory(project=team.project)
    path = f"/projects/{team.project.pk}/images/import/{task.pk}"
    said = call("GET", path, None, team.bearer("viewer")).json()["signature"]
    assert (said["state"], said["by"]) == ("unknown", "")
    assert "weren't checked" in said["detail"]
