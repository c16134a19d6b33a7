"""A session at the target that an earlier attempt left half-way: gone on with, proven by the target and read back."""

from __future__ import annotations

import pytest

from oci.registry.uploads import KeptUpload
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import copier, run

SIZE = 2_999_808
IMAGE = random_image([SIZE], seed=93)
LAYER = IMAGE.blobs[1]
HALF = 1_600_000


def kept(target: ScriptedRegistry, held: bytes | None) -> dict[str, KeptUpload]:
    """What an earlier attempt has left at the target, and has kept of it."""
    if held is not None:
        target.repository("team/app").uploads["left"] = bytearray(held)
    return {LAYER.digest: KeptUpload(f"{target.url}/v2/team/app/blobs/uploads/left")}


def ranges(source: ScriptedRegistry) -> list[str]:
    seen = [each.headers.get("range", "") for each in source.seen("GET", f"/blobs/{LAYER.digest}")]
    return [each for each in seen if "-0" not in each]


def copied(source: ScriptedRegistry, target: ScriptedRegistry, held: bytes | None) -> None:
    source.add_image("library/app", "v1", IMAGE)
    run(copier(source, target, kept_uploads=kept(target, held)))
    assert target.repository("team/app").blobs == {blob.digest: blob.data for blob in IMAGE.blobs}
    assert target.repository("team/app").manifests["v1"][1] == IMAGE.manifest.data


def test_what_was_sent_is_not_sent_again_and_the_whole_is_read_back(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    copied(source, target, LAYER.data[:HALF])
    assert all(each.startswith(f"bytes={HALF}-") for each in ranges(source))
    sent = sum(each.body_bytes for each in target.requests if each.method in ("PUT", "PATCH"))
    assert sent < SIZE - HALF + 100_000
    # Its last byte alone is read in any case.
    read_back = [each for each in target.seen("GET", f"/blobs/{LAYER.digest}") if "range" not in each.headers]
    assert read_back, "nobody here has hashed its first half"


@pytest.mark.parametrize("held", [b"x" * HALF, None], ids=["other bytes", "session lost"])
def test_a_session_that_is_lost_or_holds_other_bytes_is_begun_again(
    source: ScriptedRegistry, target: ScriptedRegistry, held: bytes | None
) -> None:
    copied(source, target, held)
    assert "" in ranges(source) or any(each.startswith("bytes=0-") for each in ranges(source))


def test_a_location_elsewhere_is_never_asked(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    with ScriptedRegistry(host="127.0.0.5") as other:
        source.add_image("library/app", "v1", IMAGE)
        left = {LAYER.digest: KeptUpload(f"{other.url}/v2/team/app/blobs/uploads/left")}
        run(copier(source, target, kept_uploads=left))
        assert other.requests == []
