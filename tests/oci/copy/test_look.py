"""What is told of an image to those who decide about it."""

from __future__ import annotations

from typing import Any

import pytest

from oci.cancel import CancelToken
from oci.copy.context import CopyOptions
from oci.copy.look import candidate_at, look
from oci.errors import OciError
from oci.registry.repository import Repository
from stack.sample import Image, index_of
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import attestation_of, index, platform
from tests.oci.copying import client

AMD = random_image([4000], seed=131)
ARM = random_image([3000], seed=132, platform="linux/arm64/v8")
INDEX = index_of([AMD, ARM])


def test_a_look_reads_manifests_and_no_blob(source: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", INDEX)
    seen = look(Repository(client(source), "library/app"), "v1", options=CopyOptions(), cancel=CancelToken())
    assert seen.digest == INDEX.digest
    assert seen.bytes_total == sum(blob.size for blob in INDEX.all_blobs())
    assert [each.platform for each in seen.platforms] == ["linux/amd64", "linux/arm64/v8"]
    assert not source.seen("GET", "/blobs/")


def test_a_candidate_says_more_where_it_is_asked(source: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", INDEX)
    source.add_image("library/app", "one", AMD)
    held = Repository(client(source), "library/app")
    with candidate_at(held, INDEX.digest, cancel=CancelToken()) as found:
        assert (found.digest, found.platforms()) == (INDEX.digest, ("linux/amd64", "linux/arm64/v8"))
        assert not source.seen("GET", "/blobs/")
        assert len(found.created()) == 2 and None not in found.created()
    with candidate_at(held, AMD.digest, cancel=CancelToken()) as found:
        assert found.platforms() == ("linux/amd64",)


_SAID = attestation_of(AMD)[1]


@pytest.mark.parametrize(
    "entries",
    [
        [(AMD, platform("linux/amd64")), (ARM, {**_SAID, **platform("linux/arm64/v8")})],
        [(AMD, platform("linux/amd64")), (ARM, platform("linux/arm64/v8")), (ARM, _SAID)],
        [(AMD, platform("linux/amd64")), (ARM, _SAID), (ARM, platform("linux/arm64/v8"))],
        [(AMD, platform("linux/amd64")), (index([(ARM, {**_SAID, **platform("linux/arm64/v8")})]), {})],
    ],
    ids=["with a platform", "and in a second entry", "and in the first entry", "in a nested index"],
)
def test_an_image_that_calls_itself_an_attestation_is_judged_and_shown(
    source: ScriptedRegistry, entries: list[tuple[Image, dict[str, Any]]]
) -> None:
    image = index(entries)
    source.add_image("library/app", "v1", image)
    held = Repository(client(source), "library/app")
    seen = look(held, "v1", options=CopyOptions(), cancel=CancelToken())
    assert [each.platform for each in seen.platforms] == ["linux/amd64", "linux/arm64/v8"]
    with candidate_at(held, image.digest, cancel=CancelToken()) as found:
        assert found.platforms() == ("linux/amd64", "linux/arm64/v8")
        assert len(found.created()) == 2
        assert found.tree is not None
        assert found.tree.root.digest == image.digest


def test_an_image_is_for_every_platform_that_an_entry_names_it_for(source: ScriptedRegistry) -> None:
    image = index([(AMD, platform("linux/s390x")), (AMD, platform("linux/arm64")), (AMD, {})])
    source.add_image("library/app", "v1", image)
    held = Repository(client(source), "library/app")
    with candidate_at(held, image.digest, cancel=CancelToken()) as found:
        assert found.platforms() == ("linux/s390x", "linux/arm64", "linux/amd64")
    seen = look(held, "v1", options=CopyOptions(), cancel=CancelToken())
    assert [each.platform for each in seen.platforms] == ["linux/s390x", "linux/arm64", ""]


def test_what_is_not_there_is_an_error(source: ScriptedRegistry) -> None:
    with pytest.raises(OciError) as missing:
        look(Repository(client(source), "a/b"), "v1", options=CopyOptions(), cancel=CancelToken())
    assert missing.value.code == "not_found"
