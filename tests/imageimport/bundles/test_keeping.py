"""What a bundle lists is held until it is deleted."""

from __future__ import annotations

import pytest

from imageimport.bundles import services
from imageimport.models import Bundle
from projects import keeping
from tests.imageimport.bundles.conftest import Giving
from tests.support.keeping import reasons

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
