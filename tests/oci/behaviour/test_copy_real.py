"""The engine against real CNCF Distribution, open and with sign-in; read back by an independent reader."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from oci.cancel import CancelToken
from oci.copy.image_copier import CopyResult
from oci.copy.observer import MountCandidate
from oci.errors import Canceled, OciError
from oci.registry import chunked_upload
from oci.registry.auth.credentials import Credential
from oci.registry.repository import Repository
from stack.reader import ReadError
from stack.sample import index_of
from testbed.copying import NoMounts
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry, cut, drip
from testbed.services import RegistryServer
from tests.oci.copying import Recorder, client, copier, quick_budget, run
from tests.support.footprint import upload_sessions

#: Over one connection, and in parts.
pytestmark = pytest.mark.usefixtures("in_parts")

INDEX = index_of(
    [
        random_image([2_000_000, 300_000], seed=31),
        random_image([1_000_000], seed=32, platform="linux/arm64/v8"),
    ]
)


def _copy(source: RegistryServer, target: RegistryServer, name: str, **more: object) -> CopyResult:
    accounts = {
        f"{role}_options": {"credential": Credential(server.host, *server.account)}
        for role, server in (("source", source), ("target", target))
        if server.account[0]
    }
    made = copier(source, target, f"{name}:v1", to=f"team/{name}:v1", **(accounts | more))  # type: ignore[arg-type]
    return run(made)


def test_an_index_arrives_whole(
    registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    target = make_registry()
    registry.push("real/whole", "v1", INDEX)
    observer = Recorder()

    result = _copy(registry, target, "real/whole", observer=observer)

    found = target.verify("team/real/whole", "v1")
    assert found.digest == result.image.digest == INDEX.digest
    assert found.manifests == 3
    assert {observer.last(blob.digest) for blob in INDEX.all_blobs()} == {"done"}


def test_a_repetition_finds_everything(
    registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    target = make_registry()
    registry.push("real/again", "v1", INDEX)
    _copy(registry, target, "real/again")
    observer = Recorder()
    _copy(registry, target, "real/again", observer=observer)
    assert observer.reused_bytes == sum(blob.size for blob in INDEX.all_blobs())


def test_basic_sign_in_on_both_sides(basic_registry: RegistryServer) -> None:
    basic_registry.push("real/basic", "v1", INDEX)
    _copy(basic_registry, basic_registry, "real/basic")
    assert basic_registry.verify("team/real/basic", "v1").digest == INDEX.digest


def test_a_wrong_password_at_the_source_is_unauthorized(
    basic_registry: RegistryServer, registry: RegistryServer
) -> None:
    basic_registry.push("real/wrong", "v1", INDEX)
    wrong = {"credential": Credential(basic_registry.host, basic_registry.account[0], "not-it")}
    with pytest.raises(OciError) as caught:
        _copy(basic_registry, registry, "real/wrong", source_options=wrong)
    assert caught.value.code == "unauthorized"
    assert "not-it" not in str(caught.value)


def test_a_wrong_password_at_the_target_is_the_targets_fault(
    basic_registry: RegistryServer, registry: RegistryServer
) -> None:
    registry.push("real/wrong-target", "v1", INDEX)
    wrong = {"credential": Credential(basic_registry.host, basic_registry.account[0], "not-it")}
    with pytest.raises(OciError) as caught:
        _copy(registry, basic_registry, "real/wrong-target", target_options=wrong)
    assert caught.value.code == "target_error"
    assert not caught.value.retryable


def test_chosen_platforms_come_as_a_smaller_index_with_the_same_children(
    registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    target = make_registry()
    registry.push("real/chosen", "v1", INDEX)
    result = _copy(registry, target, "real/chosen", platforms=["linux/arm64"])
    assert result.source_digest == INDEX.digest
    assert result.image.digest != INDEX.digest, "Distribution takes no index with gaps"
    assert result.image.platforms == ("linux/arm64/v8",)
    found = target.verify("team/real/chosen", "v1")
    assert found.digest == result.image.digest
    assert found.manifests == 2
    assert target.reader().digest("team/real/chosen", INDEX.children[1].digest) == INDEX.children[1].digest


def test_a_blob_whose_file_vanished_at_the_target_is_brought_again(
    registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    target = make_registry()
    registry.push("real/vanished", "v1", INDEX)
    made = copier(registry, target, "real/vanished:v1", to="team/real/vanished:v1")
    made.sign_in()
    made.pull()
    target.blob_path(INDEX.children[0].blobs[1].digest).unlink()
    made.tag()
    made.push()
    assert target.verify("team/real/vanished", "v1").digest == INDEX.digest


def test_a_blob_that_was_cut_short_at_the_target_is_never_tagged(
    registry: RegistryServer, make_registry: Callable[..., RegistryServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.copy.publisher.READ_BACK_SECONDS", 1.0)
    target = make_registry()
    registry.push("real/short", "v1", INDEX)
    made = copier(registry, target, "real/short:v1", to="team/real/short:v1")
    made.sign_in()
    made.pull()
    path = target.blob_path(INDEX.children[0].blobs[1].digest)
    path.write_bytes(path.read_bytes()[:1000])
    made.tag()
    # Distribution does not look into a file that it has: bringing the blob again mends nothing.
    with pytest.raises(OciError) as caught:
        made.push()
    assert caught.value.code == "target_error"
    with pytest.raises(ReadError, match="answered 404"):
        target.reader().digest("team/real/short", "v1")


def test_a_second_repository_mounts(
    registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    target = make_registry()
    registry.push("real/first", "v1", INDEX)
    _copy(registry, target, "real/first")

    class Proof(NoMounts):
        seen: list[str]

        def candidates(self, digest: str, *, refresh: bool = True) -> list[MountCandidate]:
            return [MountCandidate("team/real/first", needs_source_check=False)]

    registry.push("real/second", "v1", INDEX)
    observer = Recorder()
    _copy(registry, target, "real/second", observer=observer, mounts=Proof())
    assert {observer.last(blob.digest) for blob in INDEX.all_blobs()} == {"mounted"}
    assert target.verify("team/real/second", "v1").digest == INDEX.digest


def test_a_target_that_is_down_is_a_passing_target_error(
    registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    target = make_registry()
    registry.push("real/down", "v1", INDEX)
    target.running.stop()
    with pytest.raises(OciError) as caught:
        _copy(registry, target, "real/down")
    assert caught.value.code == "target_error"
    assert caught.value.retryable
    assert target.host in str(caught.value)


def test_a_target_that_restarts_in_the_middle_is_waited_for(
    registry: RegistryServer, make_registry: Callable[..., RegistryServer]
) -> None:
    target = make_registry()
    registry.push("real/restart", "v1", INDEX)
    budget = quick_budget(first=0.5, most=2.0)
    made = copier(
        client(registry, budget=budget),
        client(target, role="target", budget=budget),
        "real/restart:v1",
        to="team/real/restart:v1",
    )
    made.sign_in()
    target.running.stop()
    target.running.start()
    made.pull()
    made.tag()
    made.push()
    assert target.verify("team/real/restart", "v1").digest == INDEX.digest


def test_tags_and_repositories_are_listed(make_registry: Callable[..., RegistryServer]) -> None:
    server = make_registry()
    for number in range(3):
        server.push("real/tags", f"v{number}", INDEX.children[0])
    server.push("real/other", "v1", INDEX.children[0])
    listing = client(server)
    assert sorted(Repository(listing, "real/tags").list_tags()) == ["v0", "v1", "v2"]
    assert sorted(listing.catalog()) == ["real/other", "real/tags"]


def test_manifests_are_deleted_by_digest(make_registry: Callable[..., RegistryServer]) -> None:
    server = make_registry()
    digest = server.push("real/delete", "v1", INDEX.children[0])
    own = client(server, role="target")
    assert Repository(own, "real/delete").delete_manifest(digest)
    assert not Repository(own, "real/delete").delete_manifest(digest)
    assert Repository(own, "real/delete").head_manifest("v1") is None


@pytest.mark.parametrize("size", [3_000_000, 40_000_000])
def test_a_cancel_inside_a_layer_leaves_nothing_of_it_at_distribution(
    source: ScriptedRegistry,
    make_registry: Callable[..., RegistryServer],
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    """Distribution refuses to delete a session whose last request broke off. How much can be filled up in the moment
    that a cancel leaves depends on the machine: here it has longer.
    """
    monkeypatch.setattr(chunked_upload, "FILL_SECONDS", 60.0)
    monkeypatch.setattr("oci.cancel.GRACE_SECONDS", 60.0)
    target, image = make_registry(), random_image([size], seed=33)
    source.add_image("real/canceled", "v1", image)
    pace = 50_000 if size < 10_000_000 else 2_000_000
    source.rule("GET", f"/blobs/{image.blobs[1].digest}", drip(pace, 0.1))
    cancel, observer = CancelToken(), Recorder()
    made = copier(source, target, "real/canceled:v1", to="team/canceled:v1", cancel=cancel, observer=observer)

    held: list[str] = []

    def pull_the_plug() -> None:
        assert observer.moving.wait(60)
        time.sleep(0.5)
        held.extend(upload_sessions(target.plan.directory))
        cancel.cancel()

    threading.Thread(target=pull_the_plug).start()
    with pytest.raises(Canceled):
        run(made)
    made.cleanup()
    assert held, "it was on its way"
    assert upload_sessions(target.plan.directory) == []


def test_a_large_layer_goes_to_distribution_in_requests_that_can_be_ended(
    source: ScriptedRegistry, make_registry: Callable[..., RegistryServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked_upload, "SEGMENT_BYTES", 7_000_000)
    target, image = make_registry(), random_image([30_000_000], seed=34)
    source.add_image("real/large", "v1", image)
    source.rule("GET", f"/blobs/{image.blobs[1].digest}", cut(20_000_000), times=1)
    run(copier(source, target, "real/large:v1", to="team/large:v1"))
    assert target.verify("team/large", "v1").digest == image.digest
