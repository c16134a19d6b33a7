"""Collectors that are overtaken, fail, or see other files than the registry's; and what the clock asks them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from projects import cron
from projects.models import Collection, TrashedTag
from projects.registry.delete import delete_tag
from projects.retention import collection, sweeping
from projects.token_service import writers
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.projects.retention.files import has_blob, storage_of
from tests.support.people import DIGEST, Team

pytestmark = pytest.mark.django_db
State = Collection.State
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "writing", [])


@pytest.fixture
def seen(own: RegistryServer, settings: Any) -> RegistryServer:
    """A registry whose files this process sees. Its tokens are not what these tests ask."""
    settings.REGISTRY_STORAGE, settings.REGISTRY_AUTH = str(storage_of(own).root), "token"
    return own


def asked() -> Collection:
    made = collection.request(user=None)
    Collection.objects.filter(pk=made.pk).update(asked_at=timezone.now() - MINUTE)
    return made


def given_up(team: Team, server: RegistryServer) -> str:
    """Content of the team that the next collection frees; its digest."""
    digest = server.push(f"{team.project.name}/app", "gone", random_image([9000], seed=4))
    delete_tag(repository=f"{team.project.name}/app", tag="gone")
    later = timezone.now() + MINUTE
    TrashedTag.objects.create(
        project=team.project, repository="app", tag="gone", digest=digest, set_at=later, expires_at=later,
        gone_at=later,
    )  # fmt: skip
    return digest


@pytest.mark.parametrize("when", ["_put_aside", "collect"])
def test_a_collector_whose_place_was_taken_neither_deletes_nor_ends_what_the_other_does(
    seen: RegistryServer, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """It slept for longer than its lease, and the other one is at work."""
    digest = given_up(Team.make(), seen)
    made = asked()
    theirs = timezone.now() + 2 * MINUTE
    real: Callable[..., Any] = getattr(sweeping, when)

    def overtaken(*args: Any) -> Any:
        found = real(*args) if when == "collect" else None
        Collection.objects.update(state=State.RUNNING, lease_expires_at=theirs)
        monkeypatch.setattr(collection, "ALIVE_EVERY", 0.0)
        return found or real(*args)

    monkeypatch.setattr(collection, "ALIVE_EVERY", 0.0)
    monkeypatch.setattr(sweeping, when, overtaken)
    assert collection.tick()
    made.refresh_from_db()
    assert (made.state, made.lease_expires_at, made.freed_bytes) == (State.RUNNING, theirs, None)
    if when == "_put_aside":
        assert storage_of(seen).content(digest, 10_000), "it is where the other one finds it"


def test_what_a_collector_that_failed_left_aside_comes_back(seen: RegistryServer) -> None:
    digest = seen.push("team/app", "1", random_image([700], seed=1))
    storage = storage_of(seen)
    assert storage.put_aside(storage.tag_path("team/app", "1"))
    assert not collection.tick()
    assert seen.verify("team/app", "1").digest == digest
    assert not storage.leaves_aside()


def test_nothing_comes_back_under_the_hands_of_a_collector(seen: RegistryServer) -> None:
    seen.push("team/app", "1", random_image([700], seed=1))
    storage = storage_of(seen)
    asked()
    assert storage.put_aside(storage.tag_path("team/app", "1"))
    collection._put_back(storage)
    assert storage.leaves_aside()


def test_a_collector_that_does_not_see_an_image_deletes_nothing_and_says_so(seen: RegistryServer) -> None:
    team = Team.make()
    digest = given_up(team, seen)
    team.image("app", "1", digest=DIGEST)  # in the list, and not in these files
    made = asked()
    assert collection.tick()
    made.refresh_from_db()
    assert (made.state, made.error["template"]) == (State.FAILED, collection._NOT_SEEN)
    assert has_blob(seen, digest)


def test_a_signature_that_was_imported_by_its_tag_may_go_with_its_image(seen: RegistryServer) -> None:
    team = Team.make()
    digest = given_up(team, seen)
    team.image("app", "sha256-" + "a" * 64 + ".sig", digest=DIGEST)
    made = asked()
    assert collection.tick()
    made.refresh_from_db()
    assert made.state == State.DONE
    assert not has_blob(seen, digest)


def test_what_was_given_up_long_ago_and_pushed_again_is_young(seen: RegistryServer) -> None:
    team = Team.make()
    digest = given_up(team, seen)
    TrashedTag.objects.update(gone_at=timezone.now() - MINUTE)
    asked()
    assert collection.tick()
    assert has_blob(seen, digest)
    TrashedTag.objects.update(gone_at=timezone.now() - dt.timedelta(days=team.project.trash_days + 1))
    assert collection.what_stays(timezone.now()).let_go(f"{team.project.name}/app") == {}


def test_of_two_clocks_in_the_same_minute_one_asks_and_the_other_leaves_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REGISTRY_AUTH, settings.REGISTRY_STORAGE = "token", "/nowhere/at/all"
    settings.REGISTRY_COLLECT_CRON = "0 3 * * *"

    def just_before_us(*_: object) -> dt.datetime:
        Collection.objects.create()
        return timezone.now() - MINUTE

    monkeypatch.setattr(cron, "next_run", just_before_us)
    assert not collection.tick()
    assert Collection.objects.count() == 1
