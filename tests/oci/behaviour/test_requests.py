"""How many requests one import costs the registries: their processor time is mostly a matter of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from oci.copy.observer import MountCandidate
from oci.registry import uploads
from stack.sample import image_of
from testbed.copying import NoMounts
from testbed.images import random_layer
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, refuse
from tests.oci.copying import Recorder, copier, run

LAYERS = [random_layer(size, seed=91_000 + size) for size in (3_000, 4_000, 5_000)]
IMAGE = image_of(LAYERS)
BLOBS = len(IMAGE.blobs)


@pytest.fixture
def target(target: ScriptedRegistry) -> ScriptedRegistry:
    """Known for what it is by an earlier import."""
    target.extra_headers = [("Docker-Upload-UUID", "distribution")]
    uploads.DISTRIBUTIONS.add(("http", *_address(target)))
    return target


def _address(registry: ScriptedRegistry) -> tuple[str, int]:
    host, _, port = registry.server_name.rpartition(":")
    return host, int(port)


def asked(registry: ScriptedRegistry) -> dict[str, int]:
    """By method and what is asked for; forgotten then."""
    kinds = ("uploads", "blobs", "manifests", "referrers")
    found = Counter(
        f"{each.method} {next(kind for kind in kinds if f'/{kind}/' in each.path)}"
        for each in registry.requests
    )
    registry.requests.clear()
    return dict(found)


def _mounts_nothing(request: Request, proceed: Callable[[], Reply]) -> Reply:
    return refuse(400, "UNSUPPORTED") if request.asked("mount") else proceed()


def imported(source: ScriptedRegistry, target: ScriptedRegistry, **more: Any) -> list[dict[str, int]]:
    """What was asked at both."""
    run(copier(source, target, **more))
    return [asked(source), asked(target)]


def test_an_image_that_is_new(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    assert imported(source, target) == [
        # The tag, cosign's three and the one that stands in for the referrers API by HEAD.
        {"HEAD manifests": 5, "GET manifests": 1, "GET referrers": 1, "GET blobs": BLOBS},
        # Of each blob: begun and put, read back before the tag. The image: looked for under the tag and by its digest,
        # put by its digest and under the tag, read back.
        {
            "HEAD manifests": 1,
            "GET manifests": 2,
            "POST uploads": BLOBS,
            "PUT uploads": BLOBS,
            "GET blobs": BLOBS,
            "PUT manifests": 2,
        },
    ]


def test_a_repetition_where_nothing_moved(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    imported(source, target)
    assert imported(source, target) == [
        {"HEAD manifests": 5, "GET referrers": 1},
        # The configuration is read, and each blob read back once.
        {"HEAD manifests": 1, "GET manifests": 2, "GET blobs": BLOBS + 1, "PUT manifests": 2},
    ]


def test_a_repetition_without_what_is_attached_is_one_head_at_the_source(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    imported(source, target, include_referrers=False)
    assert imported(source, target, include_referrers=False)[0] == {"HEAD manifests": 1}


def test_an_image_that_shares_layers_with_what_is_there(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """The blob is found by the question that would begin its upload, and no session is left."""
    source.add_image("library/app", "v1", IMAGE)
    imported(source, target)
    source.add_image("library/app", "v2", image_of([*LAYERS[:2], random_layer(6_000, seed=91_009)]))
    observer = Recorder()
    at_source, at_target = imported(
        source, target, image="library/app:v2", to="team/app:v2", observer=observer
    )
    assert at_source["GET blobs"] == at_target["PUT uploads"] == 2
    assert at_target["POST uploads"] == BLOBS
    assert "HEAD blobs" not in at_target
    assert [observer.last(each.blob.digest) for each in LAYERS[:2]] == ["exists"] * 2
    assert target.repository("team/app").uploads == {}


def test_a_registry_that_may_look_for_blobs_by_itself_is_asked_by_head(
    source: ScriptedRegistry, make_scripted: Any
) -> None:
    """It could find one in another project."""
    target = make_scripted()
    source.add_image("library/app", "v1", IMAGE)
    run(copier(source, target))
    assert len(target.seen("HEAD", "/blobs/")) == BLOBS
    assert not [each for each in target.seen("POST") if each.asked("mount")]


def test_a_registry_that_mounts_nothing_within_a_repository_is_asked_by_head(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.add_blob("team/app", LAYERS[0].blob.data)
    target.rule("POST", "/uploads/", _mounts_nothing)
    observer = Recorder()
    run(copier(source, target, observer=observer))
    assert observer.last(LAYERS[0].blob.digest) == "exists"
    assert observer.last(LAYERS[1].blob.digest) == "done"


def test_a_blob_that_the_target_has_lost_is_brought_although_it_has_the_image(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    imported(source, target)
    for each in IMAGE.blobs:
        del target.repository("team/app").blobs[each.digest]
    run(copier(source, target))
    assert set(target.repository("team/app").blobs) == {each.digest for each in IMAGE.blobs}


def test_what_a_refused_mount_was_based_on_is_told(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    refused: list[tuple[str, str]] = []

    class Wrong(NoMounts):
        def candidates(self, digest: str, *, refresh: bool = True) -> list[MountCandidate]:
            places = ("team/app", "team/emptied", "other/emptied")
            return [MountCandidate(each, needs_source_check=False) for each in places]

        def refused(self, digest: str, repository: str) -> None:
            refused.append((digest, repository))

    source.add_image("library/app", "v1", IMAGE)
    run(copier(source, target, mounts=Wrong()))
    assert len(refused) == len(set(refused)) == 3 * BLOBS
    assert target.repository("team/app").uploads == {}
