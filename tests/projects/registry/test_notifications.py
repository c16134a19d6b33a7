"""What the registry reports, and what the index makes of it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from oci.copy.image_info import ImageInfo
from oci.errors import OciError
from projects.models import Image, TagNotice
from projects.registry.client import DELETE, token_provider
from projects.registry.index import bring_up_to_date
from projects.registry.notifications import Event, take_in
from projects.registry.tag_notices import look_due
from projects.retention import cleanup, rules
from projects.services import record_image
from projects.token_service.tokens import SCANNER
from testbed.images import random_image
from tests.support.people import DIGEST, Team
from tests.support.services.door import Door, soon

INDEX = "application/vnd.oci.image.index.v1+json"


def event(
    action: str, repository: str, *, method: str = "GET", actor: str = "ann", **target: str
) -> dict[str, Any]:
    """One event as Distribution writes it."""
    return {
        "id": str(uuid.uuid4()),
        "action": action,
        "target": {"mediaType": INDEX, "repository": repository, **target},
        "request": {"method": method, "useragent": "docker/28"},
        "actor": {"name": actor},
    }


def post(body: object, token: str | None = None, **options: Any) -> Any:
    shown = configured.REGISTRY_NOTIFICATION_TOKEN if token is None else token
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    content = {"content_type": "application/vnd.docker.distribution.events.v2+json", **options}
    return Client().post("/service/registry-events", body, headers=headers, **content)


@pytest.mark.parametrize("token", ["", "wrong", "é", configured.REGISTRY_NOTIFICATION_TOKEN[:-1]])
def test_nobody_else_reports(token: str) -> None:
    assert post({"events": []}, token).status_code == 401


def test_only_an_envelope_is_taken() -> None:
    for body in ("", "{", "[]", '{"events": 3}', "null", "[" * 5000):
        assert post(body).status_code == 400
    assert Client().get("/service/registry-events").status_code == 405


@pytest.mark.django_db
def test_events_that_make_no_sense_change_nothing() -> None:
    strange: list[Any] = [
        None,
        3,
        [],
        {},
        {"action": "push"},
        {"action": "push", "target": []},
        {"target": {"repository": 7}},
    ]
    strange += [event("push", name, tag="1") for name in ("", "one", "UPPER/x", "a/../b", "x" * 400, "a\0/b")]
    assert post({"events": strange}).status_code == 200
    assert not Image.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_import_of_the_portals_own_is_completed_with_its_platforms(door: Door) -> None:
    team = Team.make(f"n{uuid.uuid4().hex[:12]}")
    digest = door.put(f"{team.project.name}/app", "1")
    row = soon(lambda: Image.objects.get(project=team.project))
    assert row.digest == digest
    record_image(
        project=team.project,
        repository="app",
        tag="1",
        image=ImageInfo(digest, INDEX, row.size, ("linux/amd64", "linux/arm64")),
        source_image="docker.io/library/app:1",
    )
    row.refresh_from_db()
    assert [child["platform"] for child in row.children] == ["linux/amd64", "linux/arm64"]
    assert all(child["size"] > 0 and child["digest"].startswith("sha256:") for child in row.children)
    assert row.source_image == "docker.io/library/app:1"


@pytest.mark.django_db(transaction=True)
def test_a_tag_that_moves_loses_its_source(door: Door) -> None:
    team = Team.make(f"n{uuid.uuid4().hex[:12]}")
    door.put(f"{team.project.name}/app", "1")
    row = soon(lambda: Image.objects.get(project=team.project))
    record_image(
        project=team.project,
        repository="app",
        tag="1",
        image=ImageInfo(row.digest, size=1),
        source_image="docker.io/x:1",
    )
    moved = door.put(f"{team.project.name}/app", "1", random_image([3000], seed=5))
    assert soon(lambda: Image.objects.filter(pk=row.pk, digest=moved, source_image="").exists())


@pytest.mark.django_db(transaction=True)
def test_a_deleted_manifest_takes_its_tags_rows_along(door: Door) -> None:
    team = Team.make(f"n{uuid.uuid4().hex[:12]}")
    repository = f"{team.project.name}/app"
    digest = door.put(repository, "1")
    door.put(repository, "2")
    other = door.put(repository, "3", random_image([3000], seed=6))
    assert soon(lambda: Image.objects.filter(project=team.project).count() == 3)
    token = token_provider(access={repository: DELETE})([f"repository:{repository}:{DELETE}"])
    assert door.manifest("DELETE", repository, digest, token=token).status_code == 202
    assert soon(lambda: Image.objects.filter(project=team.project).count() == 1)
    assert Image.objects.get(project=team.project).digest == other


@pytest.mark.django_db(transaction=True)
def test_a_late_notice_of_a_deletion_does_not_remove_what_came_back(door: Door) -> None:
    team = Team.make(f"n{uuid.uuid4().hex[:12]}")
    repository = f"{team.project.name}/app"
    digest = door.put(repository, "1")
    assert soon(lambda: Image.objects.filter(project=team.project).exists())
    assert post({"events": [event("delete", repository, digest=digest)]}).status_code == 200
    assert soon(lambda: not TagNotice.objects.exists())
    assert Image.objects.filter(project=team.project).exists()


@pytest.mark.django_db
def test_a_registry_that_is_away_leaves_every_row(settings: Any) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = "http://127.0.0.1:1", "none"
    team = Team.make()
    team.image()
    body = {
        "events": [
            event("delete", "team/app", digest=DIGEST),
            event("push", "team/new", tag="1", digest=DIGEST),
        ]
    }
    assert post(body).status_code == 200
    assert look_due() == 2
    assert Image.objects.count() == 1
    assert TagNotice.objects.filter(tries=1, claimed_until=None).count() == 2


@pytest.mark.django_db
def test_pulls_are_counted_once_each_and_those_of_the_portal_and_its_scanners_are_not() -> None:
    team = Team.make()
    row = team.image()
    pull = event("pull", "team/app", tag="1", digest=DIGEST)
    ours = event("pull", "team/app", tag="1", digest=DIGEST, actor="portal$")
    scan = event("pull", "team/app", digest=DIGEST, actor=SCANNER)
    head = event("pull", "team/app", tag="1", digest=DIGEST, method="HEAD")
    layer = event("pull", "team/app", digest="sha256:" + "b" * 64)
    assert post({"events": [ours, scan]}).status_code == 200
    row.refresh_from_db()
    assert (row.pull_count, row.last_pulled_at) == (0, None)
    for _ in range(2):
        assert post({"events": [pull, ours, scan, head, layer]}).status_code == 200
    row.refresh_from_db()
    assert row.pull_count == 1
    assert row.last_pulled_at is not None


@pytest.mark.django_db
def test_a_pull_by_digest_counts_for_the_tag_that_was_asked_for_before() -> None:
    team = Team.make()
    team.image(tag="latest")
    old = team.image(tag="old")
    head = event("pull", "team/app", tag="old", digest=DIGEST, method="HEAD")
    take_in([found for found in map(Event.read, [head, event("pull", "team/app", digest=DIGEST)]) if found])
    old.refresh_from_db()
    assert old.pull_count == 1
    assert sum(Image.objects.values_list("pull_count", flat=True)) == 1


@pytest.mark.django_db
def test_an_image_that_nodes_only_ask_about_is_in_use_and_clean_up_keeps_it() -> None:
    """With ``imagePullPolicy: Always`` and the image on the node, nothing but a HEAD comes, by tag or by digest."""
    team = Team.make()
    by_tag, by_digest, by_child, unused = (
        team.image(tag=tag, digest=f"sha256:{letter * 64}", children=children)
        for tag, letter, children in (
            ("tag", "1", []),
            ("digest", "2", []),
            ("child", "3", [{"platform": "linux/amd64", "digest": CHILD, "size": 1}]),
            ("unused", "4", []),
        )
    )
    Image.objects.update(
        updated_at=timezone.now() - dt.timedelta(days=90),
        last_pulled_at=timezone.now() - dt.timedelta(days=89),
    )
    rules.create(project=team.project, user=None, values={"keep_pulled_days": 30})
    assert len(cleanup.plan(team.project).remove) == 4
    told(
        event("pull", "team/app", tag="tag", digest=by_tag.digest, method="HEAD"),
        event("pull", "team/app", digest=by_digest.digest, method="HEAD"),
        event("pull", "team/app", digest=CHILD, method="HEAD"),
        event("pull", "team/app", tag="unused", digest=unused.digest, method="HEAD", actor="portal$"),
    )
    found = cleanup.plan(team.project)
    assert {verdict.tag.id for verdict in found.keep} == {by_tag.pk, by_digest.pk, by_child.pk}
    assert [verdict.tag.id for verdict in found.remove] == [unused.pk]
    assert set(Image.objects.values_list("pull_count", flat=True)) == {0}


@pytest.mark.django_db
def test_who_asks_about_an_index_and_then_pulls_a_platform_of_it_is_counted() -> None:
    """Only an index that was pulled, and not one that was asked about, counts for the platform's pull as well."""
    team = Team.make()
    row = with_child(team, "1")
    told(event("pull", "team/app", digest=DIGEST, method="HEAD"), event("pull", "team/app", digest=CHILD))
    row.refresh_from_db()
    assert row.pull_count == 1


CHILD = "sha256:" + "c" * 64


def told(*events: dict[str, Any], address: str = "10.0.0.7:51000") -> None:
    """As the registry reports what one client did."""
    for each in events:
        each["request"]["addr"] = address
    take_in([found for found in map(Event.read, events) if found])


def with_child(team: Team, tag: str, **values: Any) -> Image:
    children = [{"platform": "linux/amd64", "digest": CHILD, "size": 1}]
    return team.image(tag=tag, children=children, **values)


@pytest.mark.django_db
def test_a_pull_of_a_platforms_digest_counts_for_the_tag_that_holds_it() -> None:
    """Else a clean-up takes what was pulled yesterday, by its digest, for never pulled."""
    team = Team.make()
    row = with_child(team, "1")
    other = team.image(repository="other", tag="1")
    told(event("pull", "team/app", digest=CHILD))
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.pull_count, other.pull_count) == (1, 0)
    assert row.last_pulled_at is not None


@pytest.mark.django_db
def test_a_client_that_pulls_index_and_platform_counts_once() -> None:
    team = Team.make()
    row = with_child(team, "1")
    told(
        event("pull", "team/app", tag="1", digest=DIGEST, method="HEAD"),
        event("pull", "team/app", digest=DIGEST),
        event("pull", "team/app", digest=CHILD),
    )
    row.refresh_from_db()
    assert row.pull_count == 1
    told(event("pull", "team/app", digest=CHILD), address="10.0.0.8:51000")
    row.refresh_from_db()
    assert row.pull_count == 2


@pytest.mark.django_db
def test_a_client_that_has_the_index_already_counts_for_the_tag_that_it_asked_for() -> None:
    team = Team.make()
    old = with_child(team, "old")
    with_child(team, "latest", digest="sha256:" + "d" * 64)
    told(
        event("pull", "team/app", tag="old", digest=DIGEST, method="HEAD"),
        event("pull", "team/app", digest=CHILD),
    )
    old.refresh_from_db()
    assert old.pull_count == 1
    assert sum(Image.objects.values_list("pull_count", flat=True)) == 1


@pytest.mark.django_db
def test_one_bad_notice_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team.make()
    seen = []

    def look(_client: Any, _project: Any, repository: str, _tag: str) -> None:
        seen.append(repository)
        raise RuntimeError(repository)

    monkeypatch.setattr("projects.registry.tag_notices.bring_up_to_date", look)
    body = {"events": [event("push", f"{team.project.name}/{name}", tag="1", digest=DIGEST) for name in "ab"]}
    assert post(body).status_code == 200
    assert seen == []
    look_due()
    assert seen == ["a", "b"]


@pytest.mark.django_db(transaction=True)
def test_a_notice_that_meets_the_tag_being_written_looks_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Team.make(f"n{uuid.uuid4().hex[:12]}")
    digest = door.put(f"{team.project.name}/app", "1")
    assert soon(lambda: Image.objects.filter(project=team.project).exists())
    Image.objects.all().delete()
    answers = [OciError("target_error", "The registry answered 500.", retryable=True)]

    def look(*where: Any) -> Any:
        if answers:
            raise answers.pop()
        return bring_up_to_date(*where)

    monkeypatch.setattr("projects.registry.tag_notices.bring_up_to_date", look)
    notice = Event.read(event("push", f"{team.project.name}/app", tag="1", digest=digest))
    assert notice
    take_in([notice])
    assert soon(lambda: Image.objects.get(project=team.project).digest == digest)
    assert not answers


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(_JSON)
def test_no_event_breaks_the_reading(given_event: object) -> None:
    Event.read(given_event)
    Event.read({"action": "push", "target": given_event, "request": given_event, "actor": given_event})
