"""Files of a bundle: the same bytes each time, in whatever parts they are read."""

from __future__ import annotations

import random

import pytest
from django.test import Client

from oci.layout.annotations import VOLUME
from tests.imageimport.bundles.conftest import Giving
from tests.imageimport.bundles.fetching import file_of
from tests.support.content.bundles import Layout

pytestmark = pytest.mark.django_db


def test_a_file_is_the_same_bytes_each_time_in_whatever_parts_it_is_read(giving: Giving) -> None:
    made = giving.make(*giving.images).json()
    response, whole = file_of(giving, made)
    etag = response.headers["ETag"]
    assert etag.startswith('"')
    assert response.headers["Accept-Ranges"] == "bytes"
    chance = random.Random(7)
    for _ in range(20):
        start = chance.randrange(len(whole))
        end = min(len(whole), start + chance.choice([1, 600, 70_000, len(whole)]))
        asked = f"bytes={start}-{end - 1}"
        part, body = file_of(giving, made, headers={"Range": asked, "If-Range": etag})
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"
        assert body == whole[start:end]
    assert file_of(giving, made, headers={"Range": "bytes=5-", "If-Range": '"another"'})[1] == whole
    assert file_of(giving, made, headers={"If-None-Match": etag})[0].status_code == 304
    behind, _ = file_of(giving, made, headers={"Range": f"bytes={len(whole)}-"})
    assert (behind.status_code, behind.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    head = Client().head(made["volumes"][0]["url"], headers=giving.team.bearer("viewer"))
    assert (head.status_code, head.headers["Content-Length"], head.headers["ETag"]) == (
        200, str(len(whole)), etag,
    )  # fmt: skip
    assert head.content == b""


def test_volumes_have_the_size_asked_for_and_everything_together(giving: Giving) -> None:
    large = giving.own
    from testbed.images import random_image

    image = random_image([1_500_000, 600_000, 400_000, 300_000, 2000], seed=9)
    large.push(f"{giving.team.project.name}/large", "1", image)
    made = giving.make("large:1", "multi:1", volume_bytes=1024 * 1024).json()
    files = [Layout.of(file_of(giving, made, each["number"])[1]) for each in made["volumes"]]
    count = len(files)
    assert count > 2
    assert [each.index["annotations"][VOLUME] for each in files] == [
        f"{number}/{count}" for number in range(1, count + 1)
    ]
    blobs: dict[str, bytes] = {}
    for each, volume in zip(files, made["volumes"], strict=True):
        assert volume["size"] <= 1024 * 1024 or len(each.blobs) == 1
        assert not blobs.keys() & each.blobs.keys()
        blobs |= each.blobs
        assert each.index["manifests"] == files[0].index["manifests"]
    for name in ("large:1", "multi:1"):
        assert files[0].named[name] in blobs
    assert {blob.digest for blob in image.all_blobs()} <= blobs.keys()
    assert len({volume["file_name"] for volume in made["volumes"]}) == count
