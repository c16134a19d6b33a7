"""What the registry reported waits in rows, and is looked at one tag after the other."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from typing import Any

import pytest
from django.utils import timezone

from oci.errors import OciError
from projects import protection
from projects.models import Image, TagNotice
from projects.registry import notifications, reconcile, tag_notices
from projects.registry.tag_notices import Noted, look_due, note
from tests.projects.registry.test_notifications import event, post
from tests.support.content.bombs import CONFIG, cubic, pushable
from tests.support.people import DIGEST, Team
from tests.support.services.door import Door, soon

OTHER = "sha256:" + "b" * 64
AWAY = OciError("unreachable", "The registry is away.", retryable=True)


def push(repository: str, tag: str = "1", digest: str = DIGEST, **more: Any) -> dict[str, Any]:
    return event("push", repository, tag=tag, digest=digest, **more)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is looked at, by a look that finds nothing."""
    names: list[str] = []

    def look(_client: Any, project: Any, repository: str, tag: str) -> Image:
        names.append(f"{project.name}/{repository}:{tag}")
        return Image(digest=DIGEST)

    monkeypatch.setattr(tag_notices, "bring_up_to_date", look)
    return names


@pytest.mark.django_db
def test_a_notice_is_answered_without_asking_the_registry_anything(
    settings: Any, django_assert_max_num_queries: Any
) -> None:
    settings.REGISTRY_URL = "http://127.0.0.1:1"
    Team.make()
    with django_assert_max_num_queries(10):
        assert post({"events": [push("team/app", str(number)) for number in range(500)]}).status_code == 200
    assert TagNotice.objects.filter(repository="app", digest=DIGEST).count() == 500


@pytest.mark.django_db
def test_a_push_is_hinted_to_a_worker_and_the_portals_own_is_not(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    Team.make()
    told: list[int] = []
    monkeypatch.setattr(tag_notices, "when_noted", [lambda: told.append(1)])
    with django_capture_on_commit_callbacks(execute=True):
        post({"events": [push("team/app", "1"), push("team/app", "2")]})
    assert told == [1]
    with django_capture_on_commit_callbacks(execute=True):
        post({"events": [push("team/app", "3", actor="portal$")]})
    assert told == [1]
    # Its import writes the row itself in a moment.
    assert TagNotice.objects.get(tag="3").due_at > timezone.now() + dt.timedelta(seconds=1)


@pytest.mark.django_db
def test_a_tag_that_is_pushed_often_waits_once_and_is_looked_at_once(seen: list[str]) -> None:
    Team.make()
    for _ in range(20):
        post({"events": [push("team/app")]})
    assert look_due() == 1
    assert seen == ["team/app:1"]
    assert not TagNotice.objects.exists()


@pytest.mark.django_db
def test_what_concerns_no_tag_of_a_project_waits_for_nothing() -> None:
    Team.make()
    post({"events": [push("nowhere/app"), push("team/app", "sha256-" + "a" * 64 + ".sig")]})
    assert not TagNotice.objects.exists()


@pytest.mark.django_db
def test_projects_take_turns(seen: list[str]) -> None:
    Team.make("one"), Team.make("two")
    post({"events": [push("one/app", str(number)) for number in range(5)]})
    post({"events": [push("two/app")]})
    assert look_due() == 6
    assert seen.index("two/app:1") == 1


@pytest.mark.django_db
def test_a_project_has_so_many_waiting_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    Team.make("one"), Team.make("two")
    monkeypatch.setattr(tag_notices, "MAX_WAITING", 3)
    for number in range(5):
        post({"events": [push("one/app", str(number))]})
    post({"events": [push("two/app")]})
    assert sorted(TagNotice.objects.values_list("project__name", flat=True)) == ["one", "one", "one", "two"]


@pytest.fixture
def flooded(monkeypatch: pytest.MonkeyPatch) -> Team:
    """A project with a protected tag, in which as much waits as may."""
    team = Team.make()
    team.image("app", "v1")
    protection.add(project=team.project, user=None, pattern="app:v*")
    monkeypatch.setattr(tag_notices, "MAX_WAITING", 3)
    post({"events": [push("team/app", str(number)) for number in range(3)]})
    return team


@pytest.mark.django_db
def test_a_protected_tag_is_put_back_before_everything_else_however_much_that_is(
    flooded: Team, seen: list[str]
) -> None:
    post({"events": [push("team/app", "v1"), push("team/app", "v2", OTHER), push("team/app", "more")]})
    # It names what it should, is new, or is not protected: nothing is to be put back, and the bound holds.
    assert set(TagNotice.objects.values_list("tag", flat=True)) == {"0", "1", "2"}
    post({"events": [push("team/app", "v1", OTHER)]})
    assert look_due() == 4
    assert seen[0] == "team/app:v1"
    seen.clear()
    post({"events": [push("team/app", str(number)) for number in range(3)]})
    post({"events": [event("delete", "team/app", digest=DIGEST)]})
    assert look_due() == 4
    assert seen[0] == "team/app:v1"


@pytest.mark.django_db
@pytest.mark.parametrize("pause", [0.0, 60.0])
def test_a_protected_tag_that_can_not_be_put_back_waits_and_then_goes_first_again(
    flooded: Team, seen: list[str], monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    monkeypatch.setattr(tag_notices, "RETRY_PAUSES", (pause,))
    really = vars(tag_notices)["bring_up_to_date"]  # that of `seen`

    def look(*where: Any) -> Any:
        found = really(*where)
        if seen == ["team/app:v1"]:
            raise AWAY
        return found

    monkeypatch.setattr(tag_notices, "bring_up_to_date", look)
    post({"events": [push("team/app", "v1", OTHER)]})
    assert look_due() == (5 if pause == 0 else 4)
    assert [name == "team/app:v1" for name in dict.fromkeys(seen)] == [True, False, False, False]
    again = seen[1] == "team/app:v1"
    assert again == (pause == 0)
    assert TagNotice.objects.filter(tag="v1", tries=1).exists() != again


@pytest.mark.django_db
def test_of_the_same_tag_there_is_one_look_at_a_time_and_of_all_a_few(seen: list[str]) -> None:
    Team.make()
    post({"events": [push("team/app", str(number)) for number in range(4)]})
    now = timezone.now()
    TagNotice.objects.filter(tag="0").update(claimed_until=now + dt.timedelta(seconds=60))
    post({"events": [push("team/app", "0")]})
    assert look_due() == 3
    assert "team/app:0" not in seen
    for tag in ("1", "2"):
        post({"events": [push("team/app", tag)]})
    TagNotice.objects.filter(tag="1").update(claimed_until=now + dt.timedelta(seconds=60))
    assert look_due() == 0
    # The workers that had them are gone.
    TagNotice.objects.update(claimed_until=now - dt.timedelta(seconds=1))
    assert look_due() == 3
    assert not TagNotice.objects.exists()


@pytest.mark.django_db
def test_a_tag_that_is_reported_while_it_is_looked_at_is_looked_at_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Team.make()
    looks: list[str] = []

    def look(*_where: Any) -> Image:
        if not looks:
            post({"events": [push("team/app")]})
        looks.append("once")
        return Image(digest=DIGEST)

    monkeypatch.setattr(tag_notices, "bring_up_to_date", look)
    post({"events": [push("team/app")]})
    assert look_due() == 2
    assert not TagNotice.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [AWAY, RuntimeError("broken")])
def test_a_look_that_fails_is_tried_again_and_given_up_at_last(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    Team.make()

    def look(*_where: Any) -> None:
        raise fault

    monkeypatch.setattr(tag_notices, "bring_up_to_date", look)
    post({"events": [push("team/app")]})
    for tries in range(1, len(tag_notices.RETRY_PAUSES) + 1):
        assert look_due() == 1
        row = TagNotice.objects.get()
        assert (row.tries, row.claimed_until) == (tries, None)
        assert row.due_at > timezone.now()
        assert look_due() == 0
        TagNotice.objects.update(due_at=timezone.now())
    assert look_due() == 1
    assert not TagNotice.objects.exists()


@pytest.mark.django_db
def test_a_worker_that_is_told_to_stop_takes_nothing_new(seen: list[str]) -> None:
    Team.make()
    post({"events": [push("team/app", str(number)) for number in range(3)]})
    assert look_due(stop=lambda: bool(seen)) == 1


@pytest.mark.django_db
def test_a_long_reconcile_looks_at_what_is_pushed_meanwhile(
    seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Team.make()
    monkeypatch.setattr(reconcile, "_repositories", lambda: {(team.project, "old"): set()})
    monkeypatch.setattr(reconcile, "list_tags", lambda *_: [])
    note({("team/app", "1"): Noted(DIGEST, is_ours=False)})
    reconcile.reconcile()
    assert seen == ["team/app:1"]


@pytest.mark.django_db(transaction=True)
def test_a_pushed_index_of_a_billion_ways_costs_the_web_nothing_and_the_worker_little(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push of 450 KB that took the web processes minutes: three manifests that name one another a thousand times."""
    spent = {"web": 0.0, "worker": 0.0}
    monkeypatch.setattr(notifications, "take_in", _timed(notifications.take_in, spent, "web"))
    monkeypatch.setattr(tag_notices, "_look_at", _timed(tag_notices._look_at, spent, "worker"))
    team = Team.make(f"b{uuid.uuid4().hex[:12]}")
    layer = {**CONFIG.descriptor(), "mediaType": "application/vnd.oci.image.layer.v1.tar"}
    bomb = pushable(cubic(layers=[layer] * 1000))
    assert door.put(f"{team.project.name}/bomb", "1", bomb) == bomb.digest
    row = soon(lambda: Image.objects.get(project=team.project), seconds=60.0)
    assert row is not None and row.digest == bomb.digest
    assert row.size == CONFIG.size
    assert [child["size"] for child in row.children] == [CONFIG.size]
    assert soon(lambda: not TagNotice.objects.exists(), seconds=60.0)
    assert spent["web"] < 1.0
    assert spent["worker"] < 10.0


def _timed(work: Any, spent: dict[str, float], who: str) -> Any:
    """``work``, with the processor's time of its thread counted."""

    def timed(*arguments: Any) -> Any:
        began = time.thread_time()
        try:
            return work(*arguments)
        finally:
            spent[who] += time.thread_time() - began

    return timed
