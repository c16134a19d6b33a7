"""Whole images through all phases, from one scripted registry to another."""

from __future__ import annotations

import pytest

from oci.errors import OciError
from stack.sample import Blob, Image, image_of, index_of
from testbed.images import random_image, random_layer
from testbed.scripted_registry import ScriptedRegistry, refuse
from tests.oci.copying import Recorder, copier, run

IMAGE = random_image([300_000, 5_000, 4_096], seed=1)
INDEX = index_of(
    [random_image([40_000, 3_000], seed=2), random_image([50_000], seed=3, platform="linux/arm64")]
)


def test_an_index_arrives_byte_by_byte_with_its_children(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    digest = source.add_image("library/app", "v1", INDEX)

    result = run(copier(source, target))

    there = target.repository("team/app")
    assert result.image.digest == result.source_digest == digest
    assert result.image.platforms == ("linux/amd64", "linux/arm64")
    assert there.manifests["v1"] == (INDEX.manifest.media_type, INDEX.manifest.data)
    assert {m.digest: m.data for m in INDEX.all_manifests()} == {
        key: body for key, (_, body) in there.manifests.items() if key.startswith("sha256:")
    }
    assert there.blobs == {blob.digest: blob.data for blob in INDEX.all_blobs()}
    assert there.uploads == {}
    assert result.image.size == sum(blob.size for blob in INDEX.all_blobs())


def test_the_tag_is_put_last_after_children_and_index(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    run(copier(source, target))
    order = [request.path.rpartition("/")[2] for request in target.seen("PUT", "/manifests/")]
    assert order == [*(m.digest for m in INDEX.all_manifests()), "v1"]


def test_a_repetition_moves_no_byte_and_asks_the_source_only_what_the_tag_is(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    run(copier(source, target))
    before = len(source.requests)
    observer = Recorder()

    run(copier(source, target, observer=observer))

    asked = [each.path for each in source.requests[before:] if each.method == "GET"]
    assert not [path for path in asked if "/manifests/" in path and "sha256-" not in path]
    assert not [each for each in source.requests[before:] if "/blobs/" in each.path]
    assert observer.reused_bytes == sum(blob.size for blob in INDEX.all_blobs())
    assert {observer.last(blob.digest) for blob in INDEX.all_blobs()} == {"exists"}


def test_an_image_without_index_names_the_platform_of_its_configuration(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", random_image([3_000], platform="linux/arm/v7"))
    result = run(copier(source, target))
    assert result.image.platforms == ("linux/arm/v7",)
    read = [each.path for each in source.seen("GET", "/blobs/")]
    assert len(set(read)) == len(read), "the configuration is read once"


def test_a_digest_is_taken_as_it_is_and_the_tag_kept(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    digest = source.add_image("library/app", "v1", IMAGE)
    result = run(copier(source, target, f"library/app@{digest}", to="team/app:pinned"))
    assert result.image.digest == digest
    assert target.repository("team/app").manifests["pinned"][1] == IMAGE.manifest.data


def test_a_layer_named_twice_moves_once(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    layer = random_layer(10_000, seed=5)
    source.add_image(
        "library/app", "v1", index_of([image_of([layer, layer]), image_of([layer], platform="linux/s390x")])
    )
    run(copier(source, target))
    assert len(source.seen("GET", layer.blob.digest)) == 1


def test_an_empty_blob_is_copied(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    empty = Blob("application/vnd.oci.image.layer.v1.tar", b"")
    source.add_image("library/app", "v1", _artifact([empty]))
    run(copier(source, target))
    assert target.repository("team/app").blobs[empty.digest] == b""


def test_an_artifact_without_platform_is_copied_as_opaque_bytes(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    chart = _artifact([Blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart")])
    source.add_image("library/app", "v1", chart)
    assert run(copier(source, target)).image.platforms == ()


def test_a_foreign_layer_keeps_its_descriptor_and_is_neither_fetched_nor_uploaded(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    foreign = Blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"windows")
    image = _artifact([foreign], urls=[f"{source.url}/foreign/layer"])
    source.add_image("library/app", "v1", image)
    run(copier(source, target))
    assert not source.seen("GET", "foreign") and not source.seen("GET", foreign.digest)
    assert foreign.digest not in target.repository("team/app").blobs
    assert target.repository("team/app").manifests["v1"][1] == image.manifest.data


def test_a_tag_that_names_something_else_stands_when_it_may_not_be_overwritten(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    old = target.add_image("team/app", "v1", random_image([2_048], seed=8))
    with pytest.raises(OciError) as caught:
        run(copier(source, target, overwrite=False))
    assert caught.value.code == "tag_exists"
    assert target.repository("team/app").manifests["v1"] == target.repository("team/app").manifests[old]


def test_a_tag_that_names_the_same_already_is_no_conflict(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.add_image("team/app", "v1", IMAGE)
    assert run(copier(source, target, overwrite=False)).image.digest == IMAGE.digest


def test_who_lost_the_right_to_it_puts_no_tag(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)

    def lost() -> None:
        raise OciError("worker_lost", "The lease is gone.")

    with pytest.raises(OciError, match="lease"):
        run(copier(source, target, confirm_lease=lost))
    assert "v1" not in target.repository("team/app").manifests


def test_a_missing_image_is_not_found(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "not_found"
    assert source.server_name in str(caught.value)
    assert not caught.value.retryable


def test_a_layer_missing_at_the_source_is_its_fault(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    del source.repository("library/app").blobs[IMAGE.blobs[1].digest]
    observer = Recorder()
    with pytest.raises(OciError) as caught:
        run(copier(source, target, observer=observer))
    assert caught.value.code == "source_error"
    assert not caught.value.retryable
    assert "v1" not in target.repository("team/app").manifests
    assert target.repository("team/app").uploads == {}
    assert observer.last(IMAGE.blobs[1].digest) == "failed"


def test_blobs_that_the_target_lost_meanwhile_are_brought_once_more(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    made = copier(source, target)
    made.sign_in()
    made.pull()
    target.repository("team/app").blobs.clear()
    made.tag()
    assert made.push().image.digest == IMAGE.digest
    assert target.repository("team/app").blobs.keys() == {blob.digest for blob in IMAGE.blobs}


def test_a_target_that_keeps_losing_blobs_fails(
    source: ScriptedRegistry, target: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.copy.publisher.READ_BACK_SECONDS", 0.7)
    source.add_image("library/app", "v1", IMAGE)
    target.rule("PUT", "/manifests/", refuse(400, "MANIFEST_BLOB_UNKNOWN"))
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "target_error"


def test_a_tag_is_put_again_when_the_target_does_not_see_a_blob_for_a_moment(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Two tags with the same layers in one repository at once: Distribution 2.8 on a disk answers so now and then."""
    source.add_image("library/app", "v1", IMAGE)
    target.rule("PUT", "/manifests/v1", refuse(400, "MANIFEST_BLOB_UNKNOWN"), times=2)
    assert run(copier(source, target)).image.digest == IMAGE.digest
    assert "v1" in target.repository("team/app").manifests


def test_a_tag_that_shows_late_is_waited_for(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.rule("GET", "/manifests/v1", refuse(404, "MANIFEST_UNKNOWN"), times=1)
    assert run(copier(source, target)).image.digest == IMAGE.digest


def test_embedded_content_is_not_fetched(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    config = Blob("application/vnd.oci.empty.v1+json", b"{}")
    image = _artifact([Blob("text/plain", b"note")], config=config, data="e30=")
    source.add_image("library/app", "v1", image)
    run(copier(source, target))
    assert not source.seen("GET", config.digest)
    assert target.repository("team/app").blobs[config.digest] == b"{}"


def test_an_observer_may_end_the_import_once_it_knows_the_size(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", IMAGE)

    class Strict(Recorder):
        def layers(self, layers: object) -> None:
            raise OciError("quota_exceeded", "Too much.")

    with pytest.raises(OciError) as caught:
        run(copier(source, target, observer=Strict()))
    assert caught.value.code == "quota_exceeded"
    assert target.repository("team/app").blobs == {}


def _artifact(
    layers: list[Blob], *, config: Blob | None = None, data: str = "", urls: list[str] | None = None
) -> Image:
    """An OCI manifest of any blobs."""
    import json

    config = config or Blob("application/vnd.oci.empty.v1+json", b"{}")
    more = {"urls": urls} if urls else {}
    document = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.example",
        "config": config.descriptor(**({"data": data} if data else {})),
        "layers": [layer.descriptor(**more) for layer in layers],
    }
    return Image(Blob(document["mediaType"], json.dumps(document).encode()), (config, *layers))  # type: ignore[arg-type]
