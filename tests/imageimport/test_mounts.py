"""From where blobs may be mounted."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

from imageimport import mounts
from imageimport.models import BlobOrigin
from imageimport.mounts import ProvenMounts
from oci.observer import MountCandidate
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


def test_another_projects_from_another_source_is_no_candidate(proven: ProvenMounts) -> None:
    origin("other/app", registry="ghcr.io")
    origin("teammates/app", registry="ghcr.io")
    origin("other/app", digest="sha256:" + "b" * 64)
    assert proven.candidates(DIGEST) == []


def test_what_an_earlier_project_of_the_same_name_held_is_not_this_ones(proven: ProvenMounts) -> None:
    origin("team/old", age=3600)
    assert proven.candidates(DIGEST) == []


def test_of_many_the_best_are_found(proven: ProvenMounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "ENOUGH", 5)
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
    assert landed.wait(10)


def test_what_is_looked_up_ahead_holds_until_there_is_news(proven: ProvenMounts) -> None:
    other = "sha256:" + "b" * 64
    origin("team/one")
    proven.look_ahead([DIGEST, other])
    origin("team/two", digest=other)
    assert proven.candidates(DIGEST, anew=False) == [MountCandidate("team/one", needs_source_check=False)]
    assert proven.candidates(other, anew=False) == []
    assert proven.candidates(other) == [MountCandidate("team/two", needs_source_check=False)]


def test_where_too_much_is_known_each_blob_is_looked_up_by_itself(
    proven: ProvenMounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "ENOUGH", 3)
    for number in range(3):
        origin(f"team/app-{number}")
    proven.look_ahead([DIGEST])
    origin("team/newest")
    assert proven.candidates(DIGEST, anew=False)[0].repository == "team/newest"


def test_what_was_copied_is_a_candidate_for_others(proven: ProvenMounts) -> None:
    landed: list[int] = []
    proven.copied(DIGEST, 7, lambda: landed.append(BlobOrigin.objects.count()))
    proven.copied(DIGEST, 7, lambda: landed.append(BlobOrigin.objects.count()))
    assert proven.candidates(DIGEST) == [MountCandidate("team/app", needs_source_check=False)]
    assert landed == [1, 1]


def test_its_thread_leaves_no_session_of_the_database_behind(access: dict[str, str]) -> None:
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
