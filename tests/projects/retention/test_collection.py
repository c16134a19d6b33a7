"""Collections: asked for, held back for, carried out; and who is refused meanwhile."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from projects.models import AuditEvent, Collection, Image, TrashedTag
from projects.registry.reconcile import reconcile
from projects.retention import collection, sweeping, trash
from projects.token_service import writers
from projects.token_service.tokens import LIFETIME
from stack.sample import index_of
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db
State = Collection.State
LATER = dt.timedelta(seconds=collection.SETTLE_SECONDS)


@pytest.fixture(autouse=True)
def nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports have tests of their own."""
    monkeypatch.setattr(writers, "writing", [])


@pytest.fixture
def server(make_registry: Callable[..., RegistryServer], settings: Any) -> RegistryServer:
    """A registry whose files this process sees. Its tokens are not what these tests ask."""
    made = make_registry()
    settings.REGISTRY_URL = made.url
    settings.REGISTRY_STORAGE = str(made.plan.directory / "data")
    settings.REGISTRY_AUTH = "token"
    return made


@pytest.fixture
def elsewhere(settings: Any) -> Iterator[None]:
    """An installation that can collect, seen from a process that does not see the files."""
    settings.REGISTRY_AUTH, settings.REGISTRY_STORAGE = "token", "/nowhere/at/all"
    yield


def asked(ago: dt.timedelta = LATER) -> Collection:
    made = collection.request(user=None)
    Collection.objects.filter(pk=made.pk).update(asked_at=timezone.now() - ago)
    return made


def state(made: Collection) -> Collection:
    made.refresh_from_db()
    return made


def test_superusers_ask_for_a_collection_and_see_what_it_freed(server: RegistryServer) -> None:
    team = Team.make(f"g{uuid.uuid4().hex[:10]}")
    image = index_of([random_image([50_000], seed=1), random_image([60_000], seed=2, platform="linux/arm64")])
    server.push(f"{team.project.name}/app", "1", image)
    server.push(f"{team.project.name}/app", "2", random_image([1000], seed=3))
    reconcile()
    row = Image.objects.select_related("project").get(tag="1")
    trashed = trash.throw_away(image=row, user=None)
    assert trashed is not None
    path, headers = "/maintenance/collect", team.bearer("superuser")
    assert call("POST", path, headers=team.bearer("owner")).status_code == 403
    answer = call("POST", path, headers=headers)
    assert answer.status_code == 202 and answer.json()["state"] == "waiting"
    one = answer.headers["Location"].partition("/api/v1")[2]
    again = call("POST", path, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "collection_running")
    assert collection.tick(timezone.now() + LATER)
    first = call("GET", one, headers=headers).json()
    assert (first["state"], first["error"]) == ("done", "")
    assert first["started_at"] and first["ended_at"] and first["freed_bytes"] < 50_000
    server.verify(f"{team.project.name}/app", image.digest)  # in the trash
    trash.let_go(rows=TrashedTag.objects.all())
    made = asked()
    assert collection.tick()
    assert state(made).state == State.DONE
    assert (made.freed_bytes or 0) > 110_000 and made.manifests == 3
    assert not server.blob_path(image.digest).exists()
    server.verify(f"{team.project.name}/app", "2")
    events = AuditEvent.objects.filter(action__startswith="collection.").values_list("action", flat=True)
    assert sorted(events) == ["collection.ended"] * 2 + ["collection.requested"] * 2


def test_it_begins_when_the_last_token_to_write_has_run_out(server: RegistryServer) -> None:
    now = timezone.now()
    writers.note_grant(now)
    made = asked(dt.timedelta(seconds=60))
    assert not collection.tick(now + dt.timedelta(seconds=writers.TOKEN_SECONDS - 1))
    assert state(made).state == State.WAITING
    assert collection.tick(now + dt.timedelta(seconds=writers.TOKEN_SECONDS + 1))
    assert state(made).state == State.DONE
    assert LIFETIME + 60 < writers.TOKEN_SECONDS < 380


def test_who_does_not_see_the_files_leaves_it_to_who_does(elsewhere: None) -> None:
    made = asked()
    assert not collection.tick()
    assert state(made).state == State.WAITING


def test_what_nobody_carries_out_is_given_up_so_that_writers_are_let_write_again(elsewhere: None) -> None:
    made = asked()
    assert writers.held()
    late = timezone.now() + dt.timedelta(minutes=collection.MAX_WAIT_MINUTES)
    assert not collection.tick(late)
    assert state(made).state == State.FAILED and made.error
    assert not writers.held()


def test_a_dead_collectors_place_is_taken_and_a_living_ones_is_not(server: RegistryServer) -> None:
    made = asked()
    now = timezone.now()
    alive = now + dt.timedelta(seconds=30)
    Collection.objects.update(state=State.RUNNING, started_at=now, lease_expires_at=alive)
    assert not collection.tick(now)
    assert collection.tick(alive + dt.timedelta(seconds=1))
    assert state(made).state == State.DONE


def test_a_collector_that_lost_its_place_deletes_nothing(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Team.make()
    image = random_image([9000], seed=4)
    server.push("team/app", "1", image)
    reconcile()
    TrashedTag.objects.create(
        project=team.project, repository="app", tag="1", digest=image.digest, set_at=timezone.now(),
        expires_at=timezone.now(), gone_at=timezone.now(),
    )  # fmt: skip
    made = asked()
    real = sweeping._put_aside

    def overtaken(*args: Any) -> Any:
        Collection.objects.update(state=State.FAILED)
        monkeypatch.setattr(collection, "ALIVE_EVERY", 0.0)
        return real(*args)

    monkeypatch.setattr(sweeping, "_put_aside", overtaken)
    assert collection.tick()
    assert state(made).freed_bytes is None
    assert server.verify("team/app", "1").digest == image.digest


def test_one_that_breaks_says_so_and_lets_writers_go(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = asked()

    def broken(*_: Any) -> None:
        raise OSError("disk")

    monkeypatch.setattr(sweeping, "collect", broken)
    assert collection.tick()
    assert state(made).state == State.FAILED
    assert not writers.held()


def test_where_the_portal_can_not_collect_it_says_so(settings: Any) -> None:
    settings.REGISTRY_STORAGE = ""
    team = Team.make()
    answer = call("POST", "/maintenance/collect", headers=team.bearer("superuser"))
    assert (answer.status_code, answer.json()["code"]) == (409, "collection_unavailable")


def test_the_clock_asks_when_it_is_due_and_not_before(elsewhere: None, settings: Any) -> None:
    settings.REGISTRY_COLLECT_CRON, settings.TIME_ZONE = "0 3 * * *", "UTC"
    night = dt.datetime(2026, 11, 27, 2, 59, 30, tzinfo=dt.UTC)
    collection.tick(night)
    assert not Collection.objects.exists()
    collection.tick(night + dt.timedelta(minutes=1))
    Collection.objects.update(state=State.DONE, asked_at=night + dt.timedelta(minutes=1))
    collection.tick(night + dt.timedelta(hours=20))
    assert Collection.objects.count() == 1
    collection.tick(night + dt.timedelta(hours=24, minutes=1))
    assert Collection.objects.count() == 2
