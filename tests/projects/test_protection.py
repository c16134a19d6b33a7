"""Protected tags: a pattern, and what it keeps a tag from."""

from __future__ import annotations

import pytest

from projects import keeping, protection
from projects.models import AuditEvent, Image
from projects.tags import globs
from tests.support.people import DIGEST, Team, call


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("app:v*", "app:v1", True),
        ("app:v*", "app:1", False),
        ("*:stable", "team/app:stable", True),
        ("team/*:1.?", "team/a/b:1.2", True),
        ("team/*:1.?", "team/a:1.22", False),
        ("*", "anything:at-all", True),
        ("app:V*", "app:v1", False),
        ("app:1", "my/app:1", False),
    ],
)
def test_a_pattern_is_a_glob_over_the_whole_name_and_tag(pattern: str, name: str, fits: bool) -> None:
    assert globs.fits(pattern, name) is fits


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", ["", "app", "app 1:*", "ü:*", "x" * 401 + ":*"])
def test_what_could_fit_no_tag_is_a_field_error(pattern: str) -> None:
    team = Team.make()
    path = f"/projects/{team.project.pk}/protected-tags"
    answer = call("POST", path, {"pattern": pattern}, team.bearer("maintainer"))
    assert answer.status_code == 400 and "pattern" in answer.json()


@pytest.mark.django_db
def test_patterns_are_added_listed_once_each_and_removed_and_the_journal_says_so() -> None:
    team = Team.make()
    path, headers = f"/projects/{team.project.pk}/protected-tags", team.bearer("maintainer")
    made = call("POST", path, {"pattern": "app:v*"}, headers)
    assert made.status_code == 201 and made.json()["pattern"] == "app:v*"
    assert call("POST", path, {"pattern": "app:v*"}, headers).status_code == 400
    assert [row["pattern"] for row in call("GET", path, headers=headers).json()["results"]] == ["app:v*"]
    assert call("DELETE", f"{path}/{made.json()['id']}", headers=headers).status_code == 204
    assert call("GET", path, headers=headers).json()["results"] == []
    actions = AuditEvent.objects.filter(subject="app:v*").values_list("action", flat=True)
    assert set(actions) == {"protection.added", "protection.removed"}


@pytest.mark.django_db
def test_a_protected_tag_is_not_deleted_and_neither_is_its_project() -> None:
    team = Team.make()
    image = team.image("app", "v1")
    protection.add(project=team.project, user=None, pattern="app:v*")
    base = f"/projects/{team.project.pk}"
    answer = call("DELETE", f"{base}/images/{image.pk}", headers=team.bearer("owner"))
    assert (answer.status_code, answer.json()["code"]) == (409, "tag_protected")
    assert "app:v*" in answer.json()["detail"]
    answer = call("DELETE", base, headers=team.bearer("owner"))
    assert (answer.status_code, answer.json()["code"]) == (409, "tag_protected")
    assert Image.objects.filter(pk=image.pk).exists()


@pytest.mark.django_db
def test_what_a_protected_tag_names_is_held_and_nothing_else() -> None:
    team = Team.make()
    team.image("app", "v1")
    team.image("app", "2", digest="sha256:" + "b" * 64)
    assert not list(keeping.holds(team.project))
    protection.add(project=team.project, user=None, pattern="app:v*")
    (hold,) = keeping.holds(team.project)
    assert (hold.digest, hold.repository) == (DIGEST, "app")
    assert not list(keeping.holds(team.project, ["sha256:" + "b" * 64]))
