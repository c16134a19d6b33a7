"""What bundles hold, and how many of them there may be."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.exceptions import ApplicationError
from imageimport.bundles import composing, services, uploads
from imageimport.bundles.composing import Composition, _check_index
from imageimport.models import Bundle
from oci import limits
from oci.layout.index_writer import front
from projects import keeping
from testbed.images import random_image
from tests.imageimport.bundles.conftest import Giving
from tests.support.keeping import reasons
from tests.support.people import Team

pytestmark = pytest.mark.django_db


def test_what_a_bundle_lists_is_held_until_it_is_deleted_and_its_tag_is_not(giving: Giving) -> None:
    project, image = giving.team.project, giving.images["multi:1"]
    digests = [blob.digest for blob in (*image.all_manifests(), *image.all_blobs())]
    assert reasons(project, digests) == {}
    made = giving.make("multi:1", name="for the ship").json()
    held = reasons(project, digests)
    assert held.keys() == set(digests)
    hold = held[image.digest]
    assert (hold.repository, hold.reason % hold.params) == ("multi", "The bundle for the ship lists it.")
    assert keeping.held_in(project, "multi") is not None
    assert keeping.held_in(project, "six") is None
    services.delete(bundle=Bundle.objects.get(pk=made["id"]))
    assert reasons(project, digests) == {}


def test_what_is_left_out_as_known_is_held_too(giving: Giving) -> None:
    first = giving.make("six:1").json()
    giving.make("six:2", known=first["id"])
    services.delete(bundle=Bundle.objects.get(pk=first["id"]))
    shared = {blob.digest for blob in giving.images["six:1"].all_blobs()} & {
        blob.digest for blob in giving.images["six:2"].all_blobs()
    }
    assert reasons(giving.team.project, shared).keys() == shared


def test_a_person_and_a_project_have_so_many_bundles_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Composition('{"annotations":{}}', [], [1], [], [])
    monkeypatch.setattr(services, "compose", lambda *_, **__: empty)
    monkeypatch.setattr(services, "MAX_OF_ONE", 2)
    monkeypatch.setattr(services, "MAX_OF_ALL", 3)
    team = Team.make()

    def make(caller: str) -> Any:
        request = services.BundleRequest(images=["app:1"])
        return services.create(project=team.project, user=team.users[caller], request=request)

    make("viewer")
    make("viewer")
    with pytest.raises(ApplicationError, match="You already have 2 bundles"):
        make("viewer")
    make("developer")
    with pytest.raises(ApplicationError, match="This project already has 3 bundles"):
        make("owner")


def test_too_much_for_one_bundle_is_told_before_it_is_made(
    giving: Giving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composing, "MAX_ENTRIES", 3)
    answer = giving.make("multi:1")
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle_too_large")
    assert "more than 3 blobs" in answer.json()["detail"]
    assert not Bundle.objects.exists()


def test_more_volumes_than_an_import_takes_are_refused_before_a_bundle_is_made(
    giving: Giving, monkeypatch: pytest.MonkeyPatch
) -> None:
    giving.own.push(f"{giving.team.project.name}/large", "1", random_image([900_000] * 3, seed=9))
    monkeypatch.setattr(composing, "ARCHIVE_VOLUMES", 2)
    answer = giving.make("large:1", volume_bytes=1024 * 1024)
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle_too_large")
    assert "more than 2 volumes" in answer.json()["detail"]
    assert not Bundle.objects.exists()
    monkeypatch.setattr(composing, "ARCHIVE_VOLUMES", 3)
    assert len(giving.make("large:1", volume_bytes=1024 * 1024).json()["volumes"]) == 3


def test_an_index_that_the_other_side_would_refuse_is_refused_here(
    giving: Giving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.limits.JSON_DEPTH", 1)
    request = services.BundleRequest(images=["six:1"])
    monkeypatch.setattr(services, "compose", lambda *_, **__: _check_index('{"annotations":{}}'))
    with pytest.raises(ApplicationError, match="too long to be read") as refused:
        services.plan(project=giving.team.project, request=request)
    assert refused.value.code == "bundle_too_large"


def test_only_a_volume_without_room_is_said_to_be_too_small(
    giving: Giving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Composition:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(services, "compose", broken)
    with pytest.raises(ValueError, match="a mistake of ours"):
        services.plan(project=giving.team.project, request=services.BundleRequest(images=["six:1"]))


def test_what_a_bundle_may_have_at_most_is_read_where_it_is_imported() -> None:
    assert composing.MAX_ENTRIES + len(front('{"annotations":{}}', 1, 1)) == limits.ARCHIVE_MEMBERS
    assert uploads.MAX_UPLOADS == limits.ARCHIVE_VOLUMES
