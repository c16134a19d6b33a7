"""The image that was found first is the one that is read, whatever its tag does meanwhile."""

from __future__ import annotations

import pytest

from oci.errors import OciError
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import copier, run
from tests.oci.manifests import lie

IMAGE = random_image([300_000, 5_000, 4_096], seed=1)
INDEX = index_of(
    [random_image([40_000, 3_000], seed=2), random_image([50_000], seed=3, platform="linux/arm64")]
)


def test_a_tag_that_moves_during_the_copy_does_not_matter(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    digest = source.add_image("library/app", "v1", IMAGE)
    made = copier(source, target)
    made.sign_in()
    source.add_image("library/app", "v1", random_image([2_048], seed=9))
    made.pull()
    made.tag()
    assert made.push().image.digest == digest


def test_a_tag_that_is_deleted_meanwhile_is_not_found(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    source.rule("GET", "/manifests/", lambda _request, _proceed: Reply(404))
    made = copier(source, target)
    made.sign_in()
    with pytest.raises(OciError, match="library/app:v1") as caught:
        made.pull()
    made.cleanup()
    assert caught.value.code == "not_found"


def test_a_tag_that_moves_while_its_old_image_is_deleted_is_resolved_again(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", INDEX)
    source.rule("HEAD", "/manifests/v1", lie, times=1)
    assert run(copier(source, target)).image.digest == INDEX.digest
