"""From where blobs may be mounted."""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

from imageimport.models import BlobOrigin
from imageimport.registries import mounts
from imageimport.registries.mounts import ProvenMounts
from oci.copy.observer import MountCandidate
from tests.support.factories import ProjectFactory

#: The thread that asks the database has a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

DIGEST = "sha256:" + "a" * 64


def origin(repository: str, *, registry: str = "docker.io", age: int = 0, digest: str = DIGEST) -> None:
    at = timezone.now() - dt.timedelta(seconds=age)
    BlobOrigin.objects.create(
        digest=digest, source_registry=registry, repository=repository, size=7, created_at=at
    )


@pytest.fixture
def access() -> dict[str, str]:
    return {}


@pytest.fixture
def proven(access: dict[str, str]) -> Iterator[ProvenMounts]:
    project = ProjectFactory(name="team")
    made = ProvenMounts(
        source_registry="docker.io", project_name=project.name, repository="team/app", access=access
    )
    yield made
    made.close()


def test_ones_own_come_first_and_need_no_question(proven: ProvenMounts, access: dict[str, str]) -> None:
    origin("team/one", registry="ghcr.io")
    origin("other/app")
    assert proven.candidates(DIGEST) == [
        MountCandidate("team/one", needs_source_check=False),
        MountCandidate("other/app", needs_source_check=True),
    ]
    assert access == {"team/one": "pull", "other/app": "pull"}


def test_what_the_target_has_lost_is_no_candidate_for_anyone_anymore(proven: ProvenMounts) -> None:
    other = "sha256:" + "b" * 64
    origin("team/emptied")
    origin("team/emptied", digest=other)
    origin("other/app")
    proven.refused(DIGEST, "team/emptied")
    assert proven.candidates(DIGEST) == [MountCandidate("other/app", needs_source_check=True)]
    assert proven.candidates(other) == [MountCandidate("team/emptied", needs_source_check=False)]


def test_another_projects_from_another_source_is_no_candidate(proven: ProvenMounts) -> None:
    origin("other/app", registry="ghcr.io")
    origin("teammates/app", registry="ghcr.io")
    origin("other/app", digest="sha256:" + "b" * 64)
    assert proven.candidates(DIGEST) == []


def test_what_an_earlier_project_of_the_same_name_held_is_not_this_ones(proven: ProvenMounts) -> None:
    origin("team/old", age=3600)
    assert proven.candidates(DIGEST) == []


def test_of_many_the_best_are_found(proven: ProvenMounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "MAX_ROWS", 5)
    origin("team/one")
    for number in range(9):
        origin(f"other/app-{number}", registry="ghcr.io")
    origin("other/same-source")
    for number in range(9):
        origin(f"another/app-{number}", registry="quay.io")
    assert proven.candidates(DIGEST) == [
        MountCandidate("team/one", needs_source_check=False),
        MountCandidate("other/same-source", needs_source_check=True),
    ]


def test_a_proof_that_cannot_be_written_keeps_no_flight_in_the_air(
    proven: ProvenMounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(BlobOrigin.objects, "bulk_create", fail)
    landed = threading.Event()
    proven.copied(DIGEST, 7, landed.set)
    assert landed.wait(60)


def test_what_is_looked_up_ahead_holds_until_there_is_news(proven: ProvenMounts) -> None:
    other = "sha256:" + "b" * 64
    origin("team/one")
    proven.look_ahead([DIGEST, other])
    origin("team/two", digest=other)
    assert proven.candidates(DIGEST, refresh=False) == [MountCandidate("team/one", needs_source_check=False)]
    assert proven.candidates(other, refresh=False) == []
    assert proven.candidates(other) == [MountCandidate("team/two", needs_source_check=False)]


def test_where_too_much_is_known_each_blob_is_looked_up_by_itself(
    proven: ProvenMounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "MAX_ROWS", 3)
    for number in range(3):
        origin(f"team/app-{number}")
    proven.look_ahead([DIGEST])
    origin("team/newest")
    assert proven.candidates(DIGEST, refresh=False)[0].repository == "team/newest"


def test_what_was_copied_is_a_candidate_for_others(proven: ProvenMounts) -> None:
    landed: list[int] = []
    proven.copied(DIGEST, 7, lambda: landed.append(BlobOrigin.objects.count()))
    proven.copied(DIGEST, 7, lambda: landed.append(BlobOrigin.objects.count()))
    assert proven.candidates(DIGEST) == [MountCandidate("team/app", needs_source_check=False)]
    assert landed == [1, 1]


def test_imports_that_follow_each_other_share_a_thread_and_its_connection(access: dict[str, str]) -> None:
    seen = []
    for number in range(3):
        made = ProvenMounts(
            source_registry="docker.io", project_name="team", repository=f"team/{number}", access=access
        )
        made.copied(DIGEST, 7, lambda: None)
        seen.append(made._ask(lambda: (threading.get_ident(), id(connection.connection))))
        made.close()
    assert len(set(seen)) == 1
    assert set(BlobOrigin.objects.values_list("repository", flat=True)) == {"team/0", "team/1", "team/2"}


def test_two_at_once_have_a_thread_each(access: dict[str, str]) -> None:
    both = [
        ProvenMounts(source_registry="docker.io", project_name="team", repository="team/app", access=access)
        for _ in range(2)
    ]
    assert len({made._ask(threading.get_ident) for made in both}) == 2
    for made in both:
        made.close()
    assert len(mounts._waiting) == 1


def test_a_forked_process_has_threads_of_its_own(proven: ProvenMounts) -> None:
    proven.close()
    proven._database = mounts._take_thread()  # for the fixture, which closes it again
    mounts._waiting.append(proven._database)
    child = os.fork()
    if child == 0:
        os._exit(len(mounts._waiting))
    assert os.waitpid(child, 0)[1] == 0
    mounts._waiting.remove(proven._database)


def test_its_thread_leaves_no_session_of_a_server_behind(
    access: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "KEPT_OF", "")
    mounts._waiting.clear()
    opened: list[BaseDatabaseWrapper] = []

    def note(connection: BaseDatabaseWrapper, **_: object) -> None:
        opened.append(connection)

    connection_created.connect(note)
    try:
        made = ProvenMounts(
            source_registry="docker.io", project_name="team", repository="team/app", access=access
        )
        made.candidates(DIGEST)
        made.close()
    finally:
        connection_created.disconnect(note)
    assert [each.connection for each in opened] == [None]
