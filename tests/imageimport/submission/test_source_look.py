"""What the form says of an image while one types: by HEAD alone, within the rights of who types."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from imageimport.models import ImportTask
from imageimport.submission import source_tags
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from tests.pages.conftest import htmx
from tests.support.factories import CredentialFactory
from tests.support.fresh import fresh_memory
from tests.support.people import Team

__all__ = ["fresh_memory"]

pytestmark = pytest.mark.django_db
IMAGE, OTHER = random_image([100], seed=5), random_image([100], seed=6)


@pytest.fixture
def team(db: None) -> Team:
    return Team.make("team")


@pytest.fixture
def source(settings: Any) -> Iterator[ScriptedRegistry]:
    with ScriptedRegistry() as registry:
        settings.IMPORT_PRIVATE_SOURCES = [registry.server_name]
        settings.IMPORT_INSECURE_SOURCES = [registry.server_name]
        settings.OWN_ENDPOINTS = []
        for tag in ("1.9", "1.10", "latest"):
            registry.add_image("owner/app", tag, IMAGE)
        yield registry


def asked(
    team: Team, source: ScriptedRegistry, reference: str, caller: str = "developer", **fields: str
) -> Any:
    client = Client(headers={"accept-language": "en"})
    client.force_login(team.users[caller])
    fields = {"image_url": f"{source.server_name}/{reference}", **fields}
    return htmx(client, "post", "/projects/team/import/look/", fields)


def said(team: Team, source: ScriptedRegistry, reference: str, **fields: str) -> str:
    """The words of the answer."""
    page = asked(team, source, reference, **fields).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_an_image_that_is_there_is_found_by_one_head_alone(team: Team, source: ScriptedRegistry) -> None:
    assert IMAGE.digest in asked(team, source, "owner/app:1.9").content.decode()
    assert "Found at the source" in said(team, source, "owner/app:1.9", target_tag="mine")
    assert [(each.method, each.path) for each in source.requests if "/manifests/" in each.path] == [
        ("HEAD", "/v2/owner/app/manifests/1.9")
    ]
    assert not source.seen("GET", "/tags/list")
    assert "Found" in said(team, source, "owner/app"), "without a tag it is the latest"
    assert not ImportTask.objects.exists()


def test_what_stands_where_it_would_go_is_said(team: Team, source: ScriptedRegistry) -> None:
    team.image("owner/app", "1.9", digest=IMAGE.digest)
    assert "already points to this image" in said(team, source, "owner/app:1.9")
    team.image("owner/app", "old", digest=OTHER.digest)
    words = said(team, source, "owner/app:1.9", target_tag="old", overwrite="on")
    assert "/owner/app:old points to a different image and will be replaced." in words
    words = said(team, source, "owner/app:1.9", target_tag="old", overwrite="")
    assert "so the import would fail" in words
    assert "points to" not in said(team, source, "owner/app:1.9", target_tag="new")


def test_one_that_is_not_there_names_the_nearest_tags(team: Team, source: ScriptedRegistry) -> None:
    part = asked(team, source, "owner/app:1.91").content.decode()
    assert "owner/app:1.91 isn't at the source. These tags are closest to it." in re.sub("&#x27;", "'", part)
    assert re.findall(r'data-picks="([^"]+)"', part)[0] == "1.9"
    asked(team, source, "owner/app:1.92")
    assert len(source.seen("GET", "/tags/list")) == 1
    digest = f"@sha256:{'a' * 64}"
    for absent in (f"owner/app{digest}", "owner/nothing:1", "owner/nothing"):
        part = asked(team, source, absent).content.decode()
        assert "at the source." in part and "data-picks" not in part, absent
    assert not source.seen("GET", "/manifests/")


def test_what_the_offered_tags_have_told_is_not_asked_for_again(team: Team, source: ScriptedRegistry) -> None:
    client = Client()
    client.force_login(team.users["developer"])
    fields = {"image_url": f"{source.server_name}/owner/app:1."}
    htmx(client, "post", "/projects/team/import/offers/", fields)
    heads = len(source.seen("HEAD", "/manifests/"))
    assert "Found at the source" in said(team, source, "owner/app:1.9")
    assert len(source.seen("HEAD", "/manifests/")) == heads


def test_a_typed_password_is_never_tried_and_a_saved_credential_is(
    team: Team, source: ScriptedRegistry
) -> None:
    source.sign_in = BasicSignIn({"ann": "right"})
    row = CredentialFactory(
        project=team.project, registry=source.server_name, username="ann", password="right"
    )
    assert said(team, source, "owner/app:1.9", username="ann", password="ri") == ""
    assert not source.requests
    assert "Found at the source" in said(team, source, "owner/app:1.9", credential=str(row.pk))
    words = said(team, source, "owner/app:1.9")
    assert source.server_name in words and "Found" not in words


def test_a_silent_source_is_given_up_and_a_wrong_reference_is_left_to_the_form(
    team: Team, source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:

    def slow(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        time.sleep(3)
        return proceed()

    monkeypatch.setattr(source_tags, "LOOK_SECONDS", 0.5)
    source.rule("HEAD", "/manifests/1.9", slow)
    assert "did not answer within" in said(team, source, "owner/app:1.9")
    assert said(team, source, "owner/app:") == ""
    assert said(team, source, "owner/app:1.10", target_name="NOT a name") == ""


def test_only_who_may_import_looks(team: Team, source: ScriptedRegistry) -> None:
    assert asked(team, source, "owner/app:1.9", caller="viewer").status_code == 403
    assert not source.requests
