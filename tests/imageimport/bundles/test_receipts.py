"""What the other side has is left out."""

from __future__ import annotations

import json

import pytest

from oci.layout.annotations import BUNDLE_BASE
from tests.imageimport.bundles.conftest import Giving
from tests.imageimport.bundles.fetching import file_of
from tests.support.content.bundles import Layout, fetch

pytestmark = pytest.mark.django_db


def test_a_bundle_after_another_has_only_what_changed(giving: Giving) -> None:
    first = giving.make("six:1").json()
    second = giving.make("six:2", known=first["id"]).json()
    found = Layout.of(file_of(giving, second)[1])
    changed = giving.images["six:2"]
    kept = {layer.digest for layer in giving.images["six:1"].all_blobs()} & {
        layer.digest for layer in changed.all_blobs()
    }
    assert len(kept) == 5
    assert found.blobs.keys() == {changed.digest} | ({blob.digest for blob in changed.all_blobs()} - kept)
    assert set(json.loads(found.index["annotations"][BUNDLE_BASE])) == kept
    assert second["omitted_bytes"] == sum(
        len(blob.data) for blob in changed.all_blobs() if blob.digest in kept
    )


def test_a_receipt_of_the_other_side_leaves_out_what_it_has(giving: Giving) -> None:
    _, text = fetch(f"/api/v1/projects/{giving.team.project.pk}/receipt", giving.team.bearer("viewer"))
    receipt = json.loads(text)
    assert receipt["project"] == giving.team.project.name
    assert len(set(receipt["digests"])) == len(receipt["digests"])
    for image in giving.images.values():
        assert {blob.digest for blob in (*image.all_manifests(), *image.all_blobs())} <= set(
            receipt["digests"]
        )
    made = giving.make("six:2", known=receipt).json()
    assert Layout.of(file_of(giving, made)[1]).blobs.keys() == {giving.images["six:2"].digest}
