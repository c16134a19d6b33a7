"""What a source repository has is offered while one types: in the API, and in the form."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest

from imageimport.models import ImportTask
from imageimport.submission import source_tags
from testbed.images import random_image
from testbed.scripted_acts import refuse, stall
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.submission.offering import OFFERS, ask, client_of, source
from tests.pages.conftest import htmx
from tests.support.factories import CredentialFactory, TaskFactory
from tests.support.fresh import fresh_memory
from tests.support.people import Team, call

__all__ = ["fresh_memory", "source"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


def test_a_source_that_can_not_be_read_says_why(team: Team, source: ScriptedRegistry) -> None:
    assert ask(team, source, name="owner/nothing").json() == {"tags": [], "truncated": False}
    source.sign_in = BasicSignIn({"ann": "right"})
    answer = ask(team, source)
    assert (answer.status_code, answer.json()["code"]) == (422, "unauthorized")
    assert ask(team, source, "&credential=00000000-0000-0000-0000-000000000000").status_code == 400
    url = f"/projects/{team.project.pk}/source-tags"
    assert call("GET", url, headers=team.bearer("developer")).status_code == 400


def test_a_saved_credential_is_used_and_what_it_shows_is_not_shown_without_it(
    team: Team, source: ScriptedRegistry
) -> None:
    source.sign_in = BasicSignIn({"ann": "right"})
    row = CredentialFactory(
        project=team.project, registry=source.server_name, username="ann", password="right"
    )
    assert ask(team, source, f"&credential={row.pk}").json()["tags"][0] == "1.10"
    assert ask(team, source).status_code == 422
    foreign = CredentialFactory(project=Team.make("other").project, registry=source.server_name)
    assert ask(team, source, f"&credential={foreign.pk}").status_code == 400


def test_a_password_for_once_is_kept_nowhere(team: Team, source: ScriptedRegistry) -> None:
    source.sign_in = BasicSignIn({"ann": "right"})
    fields = {"image_url": f"{source.server_name}/owner/app:1", "username": "ann"}
    client = client_of(team)
    assert "1.10" in htmx(client, "post", OFFERS, {**fields, "password": "right"}).content.decode()
    assert "1.10" not in htmx(client, "post", OFFERS, {**fields, "password": "wrong"}).content.decode()


def test_the_form_offers_what_fits_the_typed_tag_and_says_what_is_here(
    team: Team, source: ScriptedRegistry
) -> None:
    team.image("owner/app", "1.9")
    base = f"{source.server_name}/owner/app"
    part = htmx(client_of(team), "post", OFFERS, {"image_url": f"{base}:1."}).content.decode()
    assert re.findall(r'data-picks="([^"]+)"', part) == ["1.10", "1.9", "1.9-alpine"]
    assert part.count("already in this project") == 1
    opened = htmx(client_of(team), "post", OFFERS, {"image_url": f"{base}:"}).content.decode()
    assert 'data-picks="latest"' in opened
    whole = client_of(team).post(OFFERS, {"image_url": f"{base}:1."}).content.decode()
    assert "<html" in whole and 'data-picks="1.10"' in whole
    assert not ImportTask.objects.exists()


def test_the_form_shows_digests_and_dates_where_they_cost_no_pull(
    team: Team, source: ScriptedRegistry
) -> None:
    image = random_image([100], seed=5)
    fields = {"image_url": f"{source.server_name}/owner/app:1."}
    part = htmx(client_of(team), "post", OFFERS, fields).content.decode()
    assert part.count(f'title="{image.digest}"') == 3
    assert "<relative-time" not in part, "a registry of this kind tells no dates"
    heads = len(source.seen("HEAD", "/manifests/"))
    assert heads == 3
    htmx(client_of(team), "post", OFFERS, {"image_url": f"{source.server_name}/owner/app:1.9"})
    assert len(source.seen("HEAD", "/manifests/")) == heads, "what was asked for is not asked for again"
    assert not source.seen("GET", "/manifests/")


def test_a_date_that_a_registry_tells_is_shown(team: Team, source: ScriptedRegistry) -> None:
    digest = f"sha256:{'a' * 64}"
    told = {digest: {"tag": ["1.9"], "timeUploadedMs": "1795732805000"}}
    body = json.dumps({"tags": ["1.9"], "manifest": told}).encode()
    source.rule("GET", "/tags/list", Reply(body=body))
    fields = {"image_url": f"{source.server_name}/owner/app:1."}
    part = htmx(client_of(team), "post", OFFERS, fields).content.decode()
    assert f'title="{digest}"' in part
    assert 'datetime="2026-11-26T22:40:05+00:00"' in part
    assert not source.seen("HEAD", "/manifests/")


def test_tags_are_offered_although_their_digests_do_not_come(
    team: Team, source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:

    def slow(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        time.sleep(3)
        return proceed()

    monkeypatch.setattr(source_tags, "LOOK_SECONDS", 0.5)
    source.rule("HEAD", "/manifests/1.10", slow)
    source.rule("HEAD", "/manifests/1.9-alpine", refuse(500, "UNKNOWN"), times=100)
    fields = {"image_url": f"{source.server_name}/owner/app:1."}
    part = htmx(client_of(team), "post", OFFERS, fields).content.decode()
    assert re.findall(r'data-picks="([^"]+)"', part) == ["1.10", "1.9", "1.9-alpine"]
    assert part.count('title="sha256:') == 1


def test_a_silent_source_is_given_up_in_time(
    team: Team, source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imageimport.submission.source_tags.MAX_SECONDS", 0.5)
    source.rule("GET", "/tags/list", stall(1, 30))
    part = htmx(client_of(team), "post", OFFERS, {"image_url": f"{source.server_name}/owner/app:2"})
    assert "did not answer within" in part.content.decode()


def test_recent_sources_of_the_project_are_offered_each_once(team: Team) -> None:
    for image in ("ghcr.io/a/b:1", "ghcr.io/a/b:1", "quay.io/c/d:2"):
        TaskFactory(project=team.project, source_image=image)
    TaskFactory(project=Team.make("other").project, source_image="ghcr.io/secret/image:1")
    form = client_of(team).get("/projects/team/import/").content.decode()
    assert re.findall(r'<option value="((?:ghcr|quay)[^"]+)"', form) == ["quay.io/c/d:2", "ghcr.io/a/b:1"]
