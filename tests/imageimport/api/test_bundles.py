"""``/bundles`` over the API: made, shown, read in parts, deleted."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.utils import timezone

from accounts.models import ApiToken
from imageimport.models import BundleEntry
from oci.layout.annotations import BUNDLE_ID, IMAGE_NAME, SOURCE, VOLUME
from projects.models import AuditEvent
from tests.imageimport.bundles.conftest import Giving, giving, new_team, own
from tests.imageimport.bundles.fetching import file_of
from tests.support.content.bundles import Layout, fetch
from tests.support.people import bearer, call

pytestmark = pytest.mark.django_db

__all__ = ["giving", "new_team", "own"]


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
