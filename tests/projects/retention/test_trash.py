"""The trash, with a real registry behind."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.exceptions import ApplicationError
from oci.errors import OciError
from oci.registry.repository import Repository
from projects.models import AuditEvent, Image, Project, Reservation, TrashedTag
from projects.registry import delete
from projects.registry.catalog import tags_of
from projects.registry.client import PUSH, opened_repository
from projects.registry.reconcile import reconcile
from projects.retention import trash
from stack.reader import ReadError
from stack.sample import index_of, sample_image
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.support.people import DIGEST, Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(registry: RegistryServer, settings: Any) -> Team:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    return Team.make(f"t{uuid.uuid4().hex[:10]}")


def pushed(team: Team, registry: RegistryServer, tag: str, image: Any = None) -> Image:
    registry.push(f"{team.project.name}/app", tag, image or sample_image())
    reconcile()
    return Image.objects.get(project=team.project, tag=tag)


def test_a_deleted_tag_is_in_the_trash_and_comes_back_on_the_same_digest(
    team: Team, registry: RegistryServer
) -> None:
    name, base = f"{team.project.name}/app", f"/projects/{team.project.pk}"
    image = pushed(team, registry, "1", index_of([random_image([700], seed=1), random_image([800], seed=2)]))
    Image.objects.filter(pk=image.pk).update(pull_count=7, source_image="docker.io/library/app:1")
    headers = team.bearer("maintainer")
    assert call("DELETE", f"{base}/images/{image.pk}", headers=headers).status_code == 204
    assert tags_of(name) == []
    with pytest.raises(ReadError):
        registry.verify(name, "1")
    (row,) = call("GET", f"{base}/trash", headers=team.bearer("viewer")).json()["results"]
    assert (row["repository"], row["tag"], row["digest"]) == ("app", "1", image.digest)
    assert row["removed_by"] == f"{team.project.name}-maintainer" and row["by_rule"] is False
    answer = call("POST", f"{base}/trash/{row['id']}/restore", headers=headers)
    assert answer.status_code == 200 and answer.json()["digest"] == image.digest
    assert registry.verify(name, "1").digest == image.digest
    back = Image.objects.get(project=team.project)
    assert (back.pull_count, back.source_image, back.size) == (7, "docker.io/library/app:1", image.size)
    assert not TrashedTag.objects.exists()
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"image.deleted", "trash.restored"} <= actions


def test_a_tag_that_names_something_else_by_now_is_not_overwritten(
    team: Team, registry: RegistryServer
) -> None:
    image = pushed(team, registry, "1")
    trashed = trash.throw_away(image=image, user=None)
    assert trashed is not None
    other = pushed(team, registry, "1", random_image([900], seed=5))
    path = f"/projects/{team.project.pk}/trash/{trashed.pk}/restore"
    answer = call("POST", path, headers=team.bearer("maintainer"))
    assert (answer.status_code, answer.json()["code"]) == (409, "tag_exists")
    assert Image.objects.get(project=team.project).digest == other.digest


def test_a_registry_that_keeps_the_tag_leaves_nothing_in_the_trash(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pushed(team, registry, "1")

    def refuse(**_: object) -> None:
        raise OciError("target_error", "no")

    monkeypatch.setattr(trash, "delete_tag", refuse)
    with pytest.raises(OciError):
        trash.throw_away(image=image, user=None)
    assert not TrashedTag.objects.exists()
    assert Image.objects.filter(pk=image.pk).exists()


def test_a_deletion_whose_answer_is_lost_leaves_the_tag_in_the_trash(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pushed(team, registry, "1")

    def deleted_but_untold(**where: str) -> None:
        delete.delete_tag(**where)
        raise OciError("unreachable", "no", retryable=True)

    monkeypatch.setattr(trash, "delete_tag", deleted_but_untold)
    with pytest.raises(OciError):
        trash.throw_away(image=image, user=None)
    reconcile()
    assert not Image.objects.filter(project=team.project).exists()
    assert trash.restore(trashed=TrashedTag.objects.get()).digest == image.digest
    assert registry.verify(f"{team.project.name}/app", "1").digest == image.digest


def test_a_deletion_that_broke_off_half_way_is_carried_through_or_undone(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{team.project.name}/app"

    def half(*, repository: str, tag: str) -> None:
        with opened_repository(repository, PUSH) as there:
            there.put_manifest(tag, delete._tombstone())
        raise OciError("unreachable", "no", retryable=True)

    monkeypatch.setattr(trash, "delete_tag", half)
    for number, tag in enumerate(("1", "2")):
        image = pushed(team, registry, tag, random_image([700 + number], seed=number))
        with pytest.raises(OciError):
            trash.throw_away(image=image, user=None)
    monkeypatch.setattr(trash, "delete_tag", delete.delete_tag)
    undone, gone = TrashedTag.objects.order_by("tag")
    assert trash.restore(trashed=undone).digest == undone.digest
    assert registry.verify(name, "1").digest == undone.digest
    assert trash.throw_away(image=Image.objects.get(project=team.project, tag="2"), user=None) is None
    assert tags_of(name) == ["1"]
    assert trash.restore(trashed=gone).digest == gone.digest
    assert registry.verify(name, "2").digest == gone.digest


def test_clean_up_leaves_a_tag_that_moved_and_a_person_gets_what_it_names_now(
    team: Team, registry: RegistryServer
) -> None:
    image = pushed(team, registry, "1")
    moved = random_image([900], seed=6)
    registry.push(f"{team.project.name}/app", "1", moved)
    assert trash.throw_away(image=image, user=None, by_rule=True) is None
    assert tags_of(f"{team.project.name}/app") == ["1"]
    trashed = trash.throw_away(image=image, user=None)
    assert trashed is not None and trashed.digest == moved.digest


def test_after_its_days_a_tag_can_not_be_restored(team: Team, registry: RegistryServer) -> None:
    trashed = trash.throw_away(image=pushed(team, registry, "1"), user=None)
    assert trashed is not None
    days = (trashed.expires_at - trashed.removed_at) / dt.timedelta(days=1)
    assert days == team.project.trash_days == 7
    assert trash.sweep(timezone.now()) == 0
    assert trash.sweep(timezone.now() + dt.timedelta(days=7, seconds=1)) == 1
    base = f"/projects/{team.project.pk}/trash"
    assert call("GET", base, headers=team.bearer("viewer")).json()["results"] == []
    answer = call("POST", f"{base}/{trashed.pk}/restore", headers=team.bearer("maintainer"))
    assert answer.status_code == 404
    event = AuditEvent.objects.get(action="trash.expired")
    assert (event.actor, event.subject, event.detail["digest"]) == (None, "app:1", trashed.digest)


def test_all_that_expires_at_once_is_given_up_and_each_is_written_down_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trash, "_AT_ONCE", 2)
    project, now = Team.make().project, timezone.now()
    for number in range(5):
        TrashedTag.objects.create(
            project=project, repository="app", tag=str(number), digest=DIGEST, set_at=now, expires_at=now
        )
    assert trash.sweep(now) == 5
    assert trash.sweep(now) == 0
    events = AuditEvent.objects.filter(action="trash.expired").values_list("subject", flat=True)
    assert sorted(events) == [f"app:{number}" for number in range(5)]


def test_with_no_days_a_deleted_tag_is_gone_at_once_and_one_is_given_up_by_hand(
    team: Team, registry: RegistryServer
) -> None:
    base, headers = f"/projects/{team.project.pk}", team.bearer("maintainer")
    trashed = trash.throw_away(image=pushed(team, registry, "1"), user=None)
    assert trashed is not None
    assert call("DELETE", f"{base}/trash/{trashed.pk}", headers=headers).status_code == 204
    assert call("PATCH", base, {"trash_days": 0}, headers).json()["trash_days"] == 0
    trash.throw_away(image=pushed(team, registry, "2"), user=None)
    assert call("GET", f"{base}/trash", headers=headers).json()["results"] == []
    assert TrashedTag.objects.exclude(gone_at=None).count() == 2


def test_what_is_restored_needs_room(team: Team, registry: RegistryServer) -> None:
    trashed = trash.throw_away(image=pushed(team, registry, "1"), user=None)
    assert trashed is not None
    pushed(team, registry, "2")
    team.project.quota_images = 1
    team.project.save()
    answer = call(
        "POST", f"/projects/{team.project.pk}/trash/{trashed.pk}/restore", headers=team.bearer("owner")
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")


def at_once(*calls: Callable[[], object]) -> list[str]:
    """Each in a thread of its own: its error's code, or nothing."""

    def run(call: Callable[[], object]) -> str:
        try:
            call()
        except (ApplicationError, OciError) as exc:
            return exc.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", [{"quota_images": 1}, {"quota_bytes": 5000}])
def test_of_two_that_come_back_at_the_same_moment_one_finds_room(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int]
) -> None:
    rows = [pushed(team, registry, tag, random_image([2000], seed=int(tag))) for tag in ("1", "2")]
    for image in rows:
        trash.throw_away(image=image, user=None)
    Project.objects.filter(pk=team.project.pk).update(**limit)
    together, put = threading.Barrier(2), Repository.put_manifest

    def put_together(*args: Any, **values: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            together.wait(2)
        return put(*args, **values)

    monkeypatch.setattr(Repository, "put_manifest", put_together)
    both = TrashedTag.objects.select_related("project")
    assert at_once(*(partial(trash.restore, trashed=row) for row in both)) == [
        "",
        "quota_exceeded",
    ]
    assert Image.objects.filter(project=team.project).count() == 1
    assert len(tags_of(f"{team.project.name}/app")) == 1
    assert not Reservation.objects.exists()


def test_room_that_a_dead_process_had_is_free_again(team: Team, registry: RegistryServer) -> None:
    trashed = trash.throw_away(image=pushed(team, registry, "1"), user=None)
    assert trashed is not None
    team.project.quota_images = 1
    team.project.save()
    until = timezone.now() + dt.timedelta(seconds=100)
    Reservation.objects.create(project=team.project, images=1, bytes=0, until=until)
    with pytest.raises(ApplicationError, match="full"):
        trash.restore(trashed=trashed)
    Reservation.objects.update(until=timezone.now())
    trash.restore(trashed=trashed)
    assert not Reservation.objects.exists()


def test_a_registry_that_refuses_the_tag_leaves_the_room_to_others(
    team: Team, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trashed = trash.throw_away(image=pushed(team, registry, "1"), user=None)
    assert trashed is not None
    team.project.quota_images = 1
    team.project.save()

    def refuse(*_args: Any, **_values: Any) -> None:
        assert Reservation.objects.count() == 1
        raise OciError("target_error", "No.", retryable=True)

    monkeypatch.setattr(Repository, "put_manifest", refuse)
    with pytest.raises(OciError):
        trash.restore(trashed=trashed)
    assert not Reservation.objects.exists()


def test_what_comes_back_counts_with_its_true_size(team: Team, registry: RegistryServer) -> None:
    image = pushed(team, registry, "1")
    registry.push(f"{team.project.name}/app", "1", random_image([9000], seed=7))  # the list does not know it
    trashed = trash.throw_away(image=image, user=None)
    assert trashed is not None and trashed.size == 0
    team.project.quota_bytes = 5000
    team.project.save()
    with pytest.raises(ApplicationError) as refused:
        trash.restore(trashed=TrashedTag.objects.get())
    assert refused.value.code == "quota_exceeded"
    assert tags_of(f"{team.project.name}/app") == []


def test_a_tag_that_was_pushed_a_moment_ago_is_not_overwritten(team: Team, registry: RegistryServer) -> None:
    trashed = trash.throw_away(image=pushed(team, registry, "1"), user=None)
    assert trashed is not None
    name = f"{team.project.name}/app"
    other = registry.push(name, "1", random_image([900], seed=5))  # the list does not know it yet
    path = f"/projects/{team.project.pk}/trash/{trashed.pk}/restore"
    answer = call("POST", path, headers=team.bearer("maintainer"))
    assert (answer.status_code, answer.json()["code"]) == (409, "tag_exists")
    assert registry.verify(name, "1").digest == other


def test_what_is_known_of_one_digest_is_not_said_of_another(team: Team, registry: RegistryServer) -> None:
    image = pushed(team, registry, "1")
    image.signature, image.source_image = {"state": "valid"}, "docker.io/library/app:1"
    image.save()
    registry.push(f"{team.project.name}/app", "1", random_image([900], seed=6))
    trashed = trash.throw_away(image=image, user=None)
    assert trashed is not None
    assert (trashed.signature, trashed.source_image, trashed.size, trashed.children) == (None, "", 0, [])
    back = trash.restore(trashed=trashed)
    assert (back.signature, back.source_image) == (None, "") and back.size > 900


def test_rows_of_what_is_gone_are_forgotten_but_the_newest_that_clean_up_took(team: Team) -> None:
    now = timezone.now()
    for tag, days, by_rule in (
        ("ruled", 400, True), ("ruled", 300, True), ("by hand", 300, False), ("back", 300, True), ("back", 50, False),
        ("young", 40, True), ("young", 30, True),
    ):  # fmt: skip
        at = now - dt.timedelta(days=days)
        TrashedTag.objects.create(
            project=team.project, repository="app", tag=tag, digest=f"{days}", set_at=at, removed_at=at,
            by_rule=by_rule, expires_at=at, gone_at=at,
        )  # fmt: skip
    trash.sweep(now)
    left = TrashedTag.objects.values_list("tag", "digest")
    assert set(left) == {("ruled", "300"), ("back", "50"), ("young", "40"), ("young", "30")}
