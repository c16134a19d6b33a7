"""Rules and requests over the API."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask, PolicyRule
from projects.models import AuditEvent
from tests.support.people import DIGEST, Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return Team.make()


def post(team: Team, route: str, body: Any = None, caller: str = "maintainer") -> Any:
    return call("POST", f"/projects/{team.project.pk}{route}", body or {}, team.bearer(caller))


def patch(team: Team, body: Any, caller: str) -> Any:
    return call("PATCH", f"/projects/{team.project.pk}", body, team.bearer(caller))


def rule(team: Team, **values: Any) -> PolicyRule:
    return PolicyRule.objects.create(project=team.project, name="R", **{"action": "refuse", **values})


def requested(team: Team, caller: str = "developer", image: str = "nginx:1.27") -> ImportTask:
    rule(team, action="approve")
    answer = post(team, "/images/import", {"image_url": image}, caller)
    assert answer.status_code == 202, answer.content
    assert answer.json()["status"] == "requested"
    return ImportTask.objects.get(pk=answer.json()["id"])


def seen(task: ImportTask, digest: str = DIGEST) -> ImportTask:
    """As if a worker had looked at the source."""
    ImportTask.objects.filter(pk=task.pk).update(source_digest=digest)
    task.refresh_from_db()
    return task


def test_a_rule_is_made_listed_changed_and_taken_away(team: Team) -> None:
    body = {
        "name": "No latest",
        "sources": ["Index.Docker.io/library/*", "ghcr.io:443/*"],
        "tags": ["latest"],
        "action": "refuse",
        "requires": {"max_bytes": 10, "platforms": ["linux/amd64"]},
        "message": "Name a version.",
    }
    made = post(team, "/rules", body)
    assert made.status_code == 201, made.content
    found = made.json()
    assert found["sources"] == ["docker.io/library/*", "ghcr.io/*"]
    assert found["requires"] == {"max_bytes": 10, "platforms": ["linux/amd64"]}
    assert (found["position"], found["enabled"], found["exclude_tags"]) == (1, True, [])
    base, headers = f"/projects/{team.project.pk}/rules", team.bearer("maintainer")
    assert call("GET", base, headers=headers).json()["results"] == [found]
    changed = call("PATCH", f"{base}/{found['id']}", {"enabled": False, "requires": {}}, headers)
    assert (changed.json()["enabled"], changed.json()["requires"]) == (False, {})
    assert changed.json()["tags"] == ["latest"]
    assert call("DELETE", f"{base}/{found['id']}", headers=headers).status_code == 204
    assert not PolicyRule.objects.exists()


def test_a_position_puts_a_rule_before_or_after_the_others_and_is_in_the_journal(team: Team) -> None:
    base, headers = f"/projects/{team.project.pk}/rules", team.bearer("maintainer")
    made = [post(team, "/rules", {"name": name, "action": "refuse"}).json() for name in "abc"]
    assert [each["position"] for each in made] == [1, 2, 3]
    moved = call("PATCH", f"{base}/{made[2]['id']}", {"position": 1}, headers)
    assert moved.json()["position"] == 1
    # Equal positions: the older first.
    names = [each["name"] for each in call("GET", base, headers=headers).json()["results"]]
    assert names == ["a", "c", "b"]
    event = AuditEvent.objects.get(action="rule.changed")
    assert (event.subject, event.detail["changed"]) == ("c", ["position"])


def test_a_refused_import_is_403_with_the_rule_and_makes_nothing(team: Team) -> None:
    made = rule(team, sources=["docker.io/library/*"], message="Use our own.")
    for text in ("nginx", "docker.io/library/nginx:1", "registry-1.docker.io/library/nginx"):
        answer = post(team, "/images/import", {"image_url": text}, "developer")
        assert answer.status_code == 403
        assert answer.json()["code"] == "refused_by_rule"
        assert answer.json()["rule"] == {"id": str(made.pk), "name": "R", "of": "project"}
        assert "Use our own." in answer.json()["detail"]
    assert not ImportTask.objects.exists()
    assert post(team, "/images/import", {"image_url": "ghcr.io/a/b"}, "developer").status_code == 202


def test_a_usual_port_is_no_way_around_a_rule(team: Team) -> None:
    rule(team, sources=["ghcr.io/*"])
    answer = post(team, "/images/import", {"image_url": "ghcr.io:443/a/b"}, "developer")
    assert answer.json()["code"] == "refused_by_rule"


def test_rules_that_cannot_be_read_close_the_door(team: Team) -> None:
    rule(team, action="allow", sources={"a": 1})
    answer = post(team, "/images/import", {"image_url": "nginx"}, "developer")
    assert (answer.status_code, answer.json()["code"]) == (403, "refused_by_rule")
    PolicyRule.objects.update(sources=[], requires={"max_layers": 5})
    answer = post(team, "/images/import", {"image_url": "nginx"}, "developer")
    assert (answer.status_code, answer.json()["code"]) == (403, "refused_by_rule")


def test_check_says_what_would_become_of_an_image(team: Team) -> None:
    made = rule(team, action="approve", tags=["latest"], message="Why latest?")
    named = {"id": str(made.pk), "name": "R", "of": "project"}
    assert post(team, "/rules/check", {"image_url": "nginx"}, "developer").json() == {
        "action": "approve",
        "rule": named,
        "message": "Why latest?",
    }
    assert post(team, "/rules/check", {"image_url": "nginx:1"}, "developer").json() == {
        "action": "allow",
        "rule": None,
        "message": "",
    }
    assert "image_url" in post(team, "/rules/check", {"image_url": "NGINX::"}, "developer").json()
    assert not ImportTask.objects.exists()


def test_the_installations_rules_are_the_superusers_and_come_first(team: Team) -> None:
    headers = team.bearer("superuser")
    body = {"name": "No hub", "sources": ["docker.io/*"], "action": "refuse"}
    assert call("POST", "/rules", body, team.bearer("owner")).status_code == 403
    made = call("POST", "/rules", body, headers)
    assert made.status_code == 201
    rule(team, action="allow")
    answer = post(team, "/images/import", {"image_url": "nginx"}, "superuser")
    assert answer.json()["rule"] == {"id": made.json()["id"], "name": "No hub", "of": "installation"}
    assert (
        call("GET", f"/projects/{team.project.pk}/rules", headers=headers).json()["results"][0]["name"] == "R"
    )
    other = call("PATCH", f"/projects/{team.project.pk}/rules/{made.json()['id']}", {}, headers)
    assert other.status_code == 404
    assert call("POST", "/rules/dry-run", {"days": 1}, headers).json()["imports"] == 0
    assert call("DELETE", f"/rules/{made.json()['id']}", headers=headers).status_code == 204


def test_a_dry_run_says_what_the_last_days_would_have_met_also_by_a_rule_not_saved(team: Team) -> None:
    for image in ("nginx:1", "nginx:latest", "ghcr.io/a/b:latest"):
        post(
            team,
            "/images/import",
            {
                "image_url": image,
                "target_name": image.split(":")[0].replace(".", "-"),
                "target_tag": image.split(":")[1],
            },
            "developer",
        )
    saved = rule(team, action="approve", tags=["latest"])
    found = post(team, "/rules/dry-run", {"days": 30}).json()
    keys = ("imports", "allow", "approve", "refuse", "unknown", "truncated")
    assert {key: found[key] for key in keys} == {
        "imports": 3,
        "allow": 1,
        "approve": 2,
        "refuse": 0,
        "unknown": 0,
        "truncated": False,
    }
    assert {each["source_image"] for each in found["examples"]} == {
        "docker.io/library/nginx:latest",
        "ghcr.io/a/b:latest",
    }
    assert found["examples"][0]["rule"]["id"] == str(saved.pk)
    draft = {"name": "No hub", "sources": ["docker.io/*"], "action": "refuse", "position": 1}
    saved.position = 2
    saved.save()
    assert post(team, "/rules/dry-run", {"days": 30, "rule": draft}).json()["refuse"] == 2
    changed = {"id": str(saved.pk), "action": "refuse"}
    assert post(team, "/rules/dry-run", {"days": 30, "rule": changed}).json()["refuse"] == 2
    for unknown in ("abc", "0197a000-0000-7000-8000-000000000000"):
        assert post(team, "/rules/dry-run", {"rule": {"id": unknown}}).status_code == 404
    bad = post(team, "/rules/dry-run", {"rule": {"action": "x"}})
    assert bad.status_code == 400 and list(bad.json()) == ["rule"]
    assert PolicyRule.objects.get().action == "approve"


def test_who_needs_approval_gets_a_request_that_says_why(team: Team) -> None:
    task = requested(team)
    detail = call(
        "GET", f"/projects/{team.project.pk}/images/import/{task.pk}", headers=team.bearer("viewer")
    )
    found = detail.json()["request"]
    assert (found["rule"]["name"], found["verdict"]) == ("R", "")
    listed = call(
        "GET", f"/projects/{team.project.pk}/images/import?status=requested", headers=team.bearer("viewer")
    )
    assert [each["id"] for each in listed.json()["results"]] == [str(task.pk)]
    again = post(team, "/images/import", {"image_url": "nginx:1.27"}, "developer")
    assert (again.status_code, again.json()["code"], again.json()["task"]) == (
        409,
        "target_busy",
        str(task.pk),
    )


def test_an_approval_lets_it_begin_once_and_says_who_and_for_which_digest(team: Team) -> None:
    task = seen(requested(team))
    answer = post(team, f"/images/import/{task.pk}/approve")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    found = answer.json()["request"]
    assert (found["verdict"], found["digest"]) == ("approved", DIGEST)
    assert found["decided_by"] == team.users["maintainer"].username
    for verb, body in (("approve", {}), ("reject", {"reason": "no"})):
        past = post(team, f"/images/import/{task.pk}/{verb}", body)
        assert (past.status_code, past.json()["code"]) == (409, "not_requested")


def test_an_approval_is_for_the_digest_that_was_shown(team: Team) -> None:
    task = seen(requested(team))
    other = post(team, f"/images/import/{task.pk}/approve", {"digest": "sha256:" + "b" * 64})
    assert (other.status_code, other.json()["code"]) == (409, "approval_outdated")
    assert post(team, f"/images/import/{task.pk}/approve", {"digest": DIGEST}).status_code == 202


def test_a_rejection_needs_a_reason_and_ends_it_with_it(team: Team) -> None:
    task = requested(team)
    assert list(post(team, f"/images/import/{task.pk}/reject").json()) == ["reason"]
    answer = post(team, f"/images/import/{task.pk}/reject", {"reason": "Too old."})
    found = answer.json()
    assert (answer.status_code, found["status"], found["error_code"]) == (202, "canceled", "rejected")
    assert "Too old." in found["error"] and found["request"]["reason"] == "Too old."


def test_with_four_eyes_nobody_decides_what_they_asked_for_not_even_a_superuser(team: Team) -> None:
    patch(team, {"four_eyes": True}, "owner")
    task = seen(requested(team, "superuser"))
    for verb, body in (("approve", {}), ("reject", {"reason": "no"})):
        own = post(team, f"/images/import/{task.pk}/{verb}", body, "superuser")
        assert (own.status_code, own.json()["code"]) == (403, "permission_denied")
    assert post(team, f"/images/import/{task.pk}/approve", {}, "maintainer").status_code == 202


def test_without_four_eyes_a_maintainer_may_decide_their_own(team: Team) -> None:
    task = seen(requested(team, "maintainer"))
    assert post(team, f"/images/import/{task.pk}/approve", {}, "maintainer").status_code == 202


def test_viewers_ask_only_where_the_project_says_so_and_only_ask(team: Team) -> None:
    body = {"image_url": "nginx:1.27"}
    rule(team, action="approve", tags=["1.*"])
    assert post(team, "/images/import", body, "viewer").status_code == 403
    assert patch(team, {"requests_from": "viewer"}, "maintainer").status_code == 200
    answer = post(team, "/images/import", body, "viewer")
    assert (answer.status_code, answer.json()["status"]) == (202, "requested")
    allowed = post(team, "/images/import", {"image_url": "nginx:2"}, "viewer")
    assert (allowed.status_code, allowed.json()["code"]) == (403, "permission_denied")
    assert post(team, f"/images/import/{answer.json()['id']}/approve", {}, "viewer").status_code == 403
    assert ImportTask.objects.count() == 1


def test_everyone_who_reads_an_internal_project_may_not_ask_for_all_that(team: Team) -> None:
    rule(team, action="approve")
    patch(team, {"requests_from": "viewer", "visibility": "internal"}, "owner")
    assert post(team, "/images/import", {"image_url": "nginx"}, "stranger").status_code == 403


@pytest.mark.parametrize(
    ("body", "maintainer"),
    [
        ({"four_eyes": True}, 403),
        ({"default_action": "approve"}, 403),
        ({"requests_from": "viewer"}, 200),
        ({"request_days": 3}, 200),
        ({"request_days": 3, "four_eyes": True}, 403),
    ],
)
def test_each_setting_has_its_role(team: Team, body: Any, maintainer: int) -> None:
    assert patch(team, body, "developer").status_code == 403
    assert patch(team, body, "maintainer").status_code == maintainer
    assert patch(team, body, "owner").status_code == 200
    assert patch(team, body, "superuser").status_code == 200
    shown = call("GET", f"/projects/{team.project.pk}", headers=team.bearer("viewer")).json()
    assert {key: shown[key] for key in body} == body


def test_a_token_that_may_import_decides_nothing(team: Team) -> None:
    task = seen(requested(team))
    headers = team.bearer("owner", scope="import")
    path = f"/projects/{team.project.pk}/images/import/{task.pk}"
    assert call("POST", f"{path}/approve", {}, headers).status_code == 403
    assert call("POST", f"{path}/reject", {"reason": "x"}, headers).status_code == 403
    task.refresh_from_db()
    assert task.status == Status.REQUESTED


def test_who_asked_may_take_it_back(team: Team) -> None:
    task = requested(team)
    answer = post(team, f"/images/import/{task.pk}/cancel", {}, "developer")
    assert (answer.status_code, answer.json()["status"], answer.json()["error_code"]) == (202, "canceled", "")
    assert ApprovalRequest.objects.get().verdict == ""
