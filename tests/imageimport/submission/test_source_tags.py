"""Which tags of a source are offered, and in which order."""

from __future__ import annotations

import pytest

from imageimport.submission import source_tags
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.submission.offering import OFFERS, ask, client_of, source
from tests.pages.conftest import htmx
from tests.support.people import Team

__all__ = ["source"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


def test_tags_come_with_the_highest_versions_first(team: Team, source: ScriptedRegistry) -> None:
    answer = ask(team, source, ":whatever")
    assert answer.json() == {"tags": ["1.10", "1.9", "1.9-alpine", "stable", "latest"], "truncated": False}


def test_those_that_begin_with_the_text_come_before_those_that_have_it(
    team: Team, source: ScriptedRegistry
) -> None:
    assert ask(team, source, "&search=1.9").json()["tags"] == ["1.9", "1.9-alpine"]
    assert ask(team, source, "&search=AL").json()["tags"] == ["1.9-alpine"]
    assert ask(team, source, "&search=st").json()["tags"] == ["stable", "latest"]
    assert ask(team, source, "&search=zzz").json() == {"tags": [], "truncated": False}


def test_more_than_fifty_are_said_to_be_more(team: Team, source: ScriptedRegistry) -> None:
    image = random_image([100], seed=6)
    for number in range(60):
        source.add_image("owner/many", f"v{number}", image)
    found = ask(team, source, name="owner/many").json()
    assert (len(found["tags"]), found["truncated"], found["tags"][0]) == (50, True, "v59")


@pytest.mark.parametrize("odd", ["²", "1²", "٣", "-1", "x" * 200])
def test_what_a_source_lists_that_is_no_tag_is_left_aside(
    team: Team, source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    manifests = source.repository("owner/app").manifests
    manifests[odd] = manifests["1.9"]
    tags = ["1.10", "1.9", "1.9-alpine", "stable", "latest"]
    assert ask(team, source).json() == {"tags": tags, "truncated": False}
    form = htmx(client_of(team), "post", OFFERS, {"image_url": f"{source.server_name}/owner/app:1"})
    assert form.status_code == 200
    monkeypatch.setattr("imageimport.submission.source_tags.MAX_READ", len(tags) + 1)
    assert ask(team, source, caller="owner").json() == {"tags": tags, "truncated": True}


def test_while_one_types_the_source_is_asked_once(team: Team, source: ScriptedRegistry) -> None:
    for search in ("", "1", "1.", "1.9"):
        assert ask(team, source, f"&search={search}").status_code == 200
    assert len(source.seen("GET", "/tags/list")) == 1
    ask(team, source, caller="maintainer")
    assert len(source.seen("GET", "/tags/list")) == 2, "what one person saw is not shown to another"


def test_digests_are_asked_for_only_for_the_first_tags_of_a_list(
    team: Team, source: ScriptedRegistry
) -> None:
    image = random_image([100], seed=6)
    for number in range(20):
        source.add_image("owner/many", f"v{number}", image)
    fields = {"image_url": f"{source.server_name}/owner/many:"}
    htmx(client_of(team), "post", OFFERS, fields)
    assert len(source.seen("HEAD", "/manifests/")) == source_tags.MAX_LOOKED
    assert ask(team, source, name="owner/many").json()["tags"][0] == "v19"
    assert len(source.seen("HEAD", "/manifests/")) == source_tags.MAX_LOOKED, "the API asks for none"
