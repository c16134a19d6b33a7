"""Collections: asked for, held back for, carried out; and who is refused meanwhile."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.exceptions import ApplicationError
from projects.models import AuditEvent, Collection, Image, Project, PushGrant, TrashedTag
from projects.registry.reconcile import reconcile
from projects.retention import collection, sweeping, trash
from projects.token_service import writers
from projects.token_service.tokens import LIFETIME, PORTAL, Access, mint
from stack.sample import index_of
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.support.people import PASSWORD, Team, call
from tests.support.services.door import Door

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


@pytest.mark.django_db(transaction=True)
def test_a_collection_waits_for_tokens_as_long_as_the_registry_takes_them(door: Door) -> None:
    """Distribution takes a token for a minute after it has run out."""
    image = random_image([1000], seed=1)
    name = f"g{uuid.uuid4().hex[:10]}/app"
    door.put(name, "1", image)

    def pushed(seconds_after_its_end: int) -> int:
        access = [Access("repository", name, ("pull", "push"))]
        token = mint(subject=PORTAL, access=access, seconds=-seconds_after_its_end).text
        body: dict[str, Any] = {
            "data": image.manifest.data,
            "headers": {"Content-Type": image.manifest.media_type},
        }
        return door.manifest("PUT", name, "2", token=token, **body).status_code

    assert pushed(30) == 201
    assert pushed(writers.TOKEN_SECONDS - LIFETIME - writers.GRANT_EVERY) == 401


def test_grants_are_remembered_once_in_a_few_seconds_and_never_forgotten() -> None:
    now = timezone.now()
    for second in range(12):
        writers.note_grant(now + dt.timedelta(seconds=second))
    until = writers.written_until(now + dt.timedelta(seconds=11))
    assert until is not None and until >= now + dt.timedelta(
        seconds=11 + writers.TOKEN_SECONDS - writers.GRANT_EVERY
    )
    assert PushGrant.objects.count() == 1


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


def test_what_the_portal_writes_for_people_is_refused_with_a_time_to_come_back(elsewhere: None) -> None:
    team = Team.make()
    image = team.image()
    asked()
    path = f"/projects/{team.project.pk}/images/{image.pk}"
    answer = call("DELETE", path, headers=team.bearer("maintainer"))
    assert (answer.status_code, answer.json()["code"]) == (503, "registry_busy")
    assert int(answer.headers["Retry-After"]) == writers.COME_BACK
    with pytest.raises(ApplicationError):
        writers.refuse_while_held()


def test_the_command_collects_once_and_says_what_it_freed(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "SETTLE_SECONDS", 0)
    Project.objects.create(name="team")
    server.push("team/app", "1", random_image([1000], seed=1))
    out = StringIO()
    call_command("collectgarbage", stdout=out)
    assert out.getvalue().startswith("Freed ")
    collection.request(user=None)
    with pytest.raises(CommandError):
        call_command("collectgarbage")


@pytest.mark.django_db(transaction=True)
def test_the_door_refuses_pushes_with_503_and_lets_people_pull(
    door: Door, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "GRANT_EVERY", 0)
    settings.REGISTRY_STORAGE = str(door.registry.plan.directory / "data")
    name = f"g{uuid.uuid4().hex[:10]}"
    team = Team.make(name)
    digest = door.put(f"{name}/app", "1")
    who = (f"{name}-developer", PASSWORD)
    push, pull = f"repository:{name}/app:pull,push", f"repository:{name}/app:pull"
    assert door.token(push, auth=who).status_code == 200
    made = collection.request(user=team.users["superuser"])
    before = PushGrant.objects.get().at
    elsewhere = f"repository:{name}/other:pull,push"
    assert door.token(elsewhere, auth=who).status_code == 503
    granted = AuditEvent.objects.filter(action="registry.granted").values_list("subject", flat=True)
    assert f"repository:{name}/app:pull,push" in granted
    assert not any("other" in subject for subject in granted)
    refused = door.token(push, auth=who)
    assert PushGrant.objects.get().at == before, "what is refused does not put the collection off"
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == str(writers.COME_BACK)
    assert refused.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert "cleaned up" in refused.json()["detail"]
    copied = door.skopeo(
        "copy", door.reference(f"{name}/app", "1"), door.reference(f"{name}/app", "2"), creds=":".join(who)
    )
    assert copied.returncode != 0
    assert door.token(pull, auth=who).status_code == 200
    read = door.skopeo("inspect", door.reference(f"{name}/app", "1"), creds=":".join(who))
    assert read.returncode == 0 and digest in read.stdout
    Collection.objects.filter(pk=made.pk).update(state=State.DONE)
    assert door.token(push, auth=who).status_code == 200
