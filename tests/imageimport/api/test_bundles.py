"""``/bundles`` over the API: made, shown, read in parts, deleted."""

from __future__ import annotations

import datetime as dt
import json
import random
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken
from imageimport.models import Bundle, BundleEntry
from oci.layout.annotations import BUNDLE_BASE, BUNDLE_ID, IMAGE_NAME, SOURCE, VOLUME
from projects.models import AuditEvent
from tests.imageimport.bundles.conftest import Giving, giving, new_team, own
from tests.support.content.bundles import Layout, fetch
from tests.support.people import bearer, call

pytestmark = pytest.mark.django_db

__all__ = ["giving", "new_team", "own"]


def file_of(
    giving: Giving, made: Any, number: int = 1, headers: dict[str, str] | None = None
) -> tuple[Any, bytes]:
    url = made["volumes"][number - 1]["url"]
    return fetch(url, {**giving.team.bearer("viewer"), **(headers or {})})


def test_a_bundle_is_a_layout_of_all_that_was_asked_for(giving: Giving) -> None:
    answer = giving.make(*giving.images, name="everything")
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["name"], made["omitted_bytes"], len(made["volumes"])) == ("everything", 0, 1)
    assert {each["image"]: each["digest"] for each in made["images"]} == {
        name: image.digest for name, image in giving.images.items()
    }
    response, body = file_of(giving, made)
    assert response.headers["Content-Type"] == "application/x-tar"
    assert int(response.headers["Content-Length"]) == len(body) == made["size"] == made["volumes"][0]["size"]
    found = Layout.of(body)
    assert found.names[:2] == ["oci-layout", "index.json"]
    assert all(name.startswith("blobs/sha256/") for name in found.names[2:])
    assert len(set(found.names)) == len(found.names)
    for name, image in giving.images.items():
        assert found.named[name] == image.digest
        for blob in (*image.all_manifests(), *image.all_blobs()):
            assert found.blobs[blob.digest] == blob.data
    entry = next(each for each in found.index["manifests"] if each["digest"] == giving.images["six:1"].digest)
    assert entry["annotations"][IMAGE_NAME] == f"{giving.own.host}/{giving.team.project.name}/six:1"
    assert entry["annotations"][SOURCE] == "docker.io/library/six:1"
    assert found.index["annotations"][BUNDLE_ID] == made["id"]
    assert found.index["annotations"][VOLUME] == "1/1"


def test_signatures_come_along_under_their_tags_and_as_referrers_unless_said_otherwise(
    giving: Giving,
) -> None:
    with_all = Layout.of(file_of(giving, giving.make("single:1").json())[1])
    signature = [name for name in with_all.named if name.endswith(".sig")]
    assert len(signature) == 1
    unnamed = [each for each in with_all.index["manifests"] if "annotations" not in each]
    subjects = [json.loads(with_all.blobs[each["digest"]])["subject"]["digest"] for each in unnamed]
    assert subjects == [giving.images["single:1"].digest]
    bare = Layout.of(file_of(giving, giving.make("single:1", include_referrers=False).json())[1])
    assert list(bare.named) == ["single:1"]
    assert len(bare.index["manifests"]) == 1


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


def test_a_receipt_of_a_large_project_is_taken_and_one_beyond_the_bound_is_told_so(giving: Giving) -> None:
    receipt = {"digests": [f"sha256:{number:064x}" for number in range(100_000)]}
    made = giving.make("six:1", known=receipt)
    assert made.status_code == 201, made.content
    receipt["digests"] += [f"sha256:{number:064x}" for number in range(100_000, 200_001)]
    refused = giving.make("six:1", known=receipt)
    assert refused.status_code == 400
    assert refused.json() == {"known": ["This receipt lists more than 200000 digests."]}
    large = giving.make("six:1", known={"digests": ["x" * 17_000_000]})
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"images": ["nothing:1"]}, "images"),
        ({"images": ["../six:1"]}, "images"),
        ({"images": ["six"]}, "images"),
        ({"images": []}, "images"),
        ({"platforms": ["windows/amd64"]}, "images"),
        ({"platforms": ["amd64"]}, "platforms"),
        ({"volume_bytes": 1000}, "volume_bytes"),
        ({"known": "00000000-0000-7000-8000-000000000000"}, "known"),
        ({"known": {"digests": ["sha256:short"]}}, "known"),
        ({"known": ["sha256:" + "a" * 64]}, "known"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(giving: Giving, more: dict[str, Any], field: str) -> None:
    answer = giving.make("six:1", **more) if "images" not in more else giving.make(*more["images"])
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not Bundle.objects.exists()


def test_of_an_index_only_the_platforms_asked_for_go(giving: Giving) -> None:
    made = giving.make("multi:1", platforms=["linux/arm64"]).json()
    assert made["images"][0]["platforms"] == ["linux/arm64"]
    found = Layout.of(file_of(giving, made)[1])
    index = json.loads(found.blobs[found.named["multi:1"]])
    children = [each["digest"] for each in index["manifests"]]
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["arm64"]
    assert set(children) <= found.blobs.keys()
    assert giving.images["multi:1"].digest not in found.blobs


def test_whoever_made_a_bundle_deletes_it_and_so_do_maintainers(giving: Giving) -> None:
    where = f"/projects/{giving.team.project.pk}/bundles"
    made = giving.make("six:1", caller="viewer").json()
    refused = call("DELETE", f"{where}/{made['id']}", headers=giving.team.bearer("developer"))
    assert refused.status_code == 403
    assert call("DELETE", f"{where}/{made['id']}", headers=giving.team.bearer("viewer")).status_code == 204
    again = giving.make("six:1", caller="viewer").json()
    assert (
        call("DELETE", f"{where}/{again['id']}", headers=giving.team.bearer("maintainer")).status_code == 204
    )
    assert not BundleEntry.objects.exists()
    actions = list(AuditEvent.objects.order_by("at").values_list("action", flat=True))
    assert actions.count("bundle.created") == actions.count("bundle.deleted") == 2


def test_a_token_that_only_reads_downloads_and_makes_nothing(giving: Giving) -> None:
    made = giving.make("six:1").json()
    headers = bearer(giving.team.users["viewer"], scope=ApiToken.Scope.READ)
    assert fetch(made["volumes"][0]["url"], headers)[0].status_code == 200
    where = f"/projects/{giving.team.project.pk}/bundles"
    assert call("POST", where, {"images": ["six:1"]}, headers).status_code == 403
    assert AuditEvent.objects.filter(action="bundle.downloaded").count() == 1


@pytest.mark.parametrize("asked", ["bytes=1-", "bytes=-700", "bytes=0-0"])
def test_parts_of_a_file_are_in_the_audit_log_once_a_day_wherever_they_begin(
    giving: Giving, asked: str
) -> None:
    made = giving.make("multi:1").json()
    events = AuditEvent.objects.filter(action="bundle.downloaded")
    for _ in range(2):
        file_of(giving, made, headers={"Range": asked})
    viewer = giving.team.users["viewer"]
    assert [(event.actor, event.detail["volume"]) for event in events] == [(viewer, 1)]
    fetch(made["volumes"][0]["url"], {**giving.team.bearer("developer"), "Range": asked})
    assert {event.actor for event in events.all()} == {viewer, giving.team.users["developer"]}
    events.update(at=timezone.now() - dt.timedelta(days=2))
    file_of(giving, made, headers={"Range": asked})
    file_of(giving, made)
    assert events.filter(actor=viewer).count() == 3


def test_lists_and_details_show_the_same(giving: Giving) -> None:
    made = giving.make("six:1").json()
    where = f"/projects/{giving.team.project.pk}/bundles"
    listed = call("GET", where, headers=giving.team.bearer("viewer")).json()["results"]
    detail = call("GET", f"{where}/{made['id']}", headers=giving.team.bearer("viewer")).json()
    assert listed == [detail]
    assert detail == made
    for number in (0, 2):
        url = f"/api/v1{where}/{made['id']}/volumes/{number}"
        assert fetch(url, giving.team.bearer("viewer"))[0].status_code == 404
