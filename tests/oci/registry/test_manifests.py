"""Manifests as a registry sends them: another digest than it says, less than it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oci.errors import OciError
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import copier, run
from tests.oci.manifests import NOT_THERE, lie
from tests.oci.registry.reading import IMAGE, get_image

INDEX = index_of(
    [random_image([40_000, 3_000], seed=2), random_image([50_000], seed=3, platform="linux/arm64")]
)


@pytest.mark.parametrize("method", ["HEAD", ""])
def test_a_digest_header_that_lies_about_a_tag_is_told_as_that(
    source: ScriptedRegistry, target: ScriptedRegistry, method: str
) -> None:
    """And not as something missing that nobody asked for."""
    source.add_image("library/app", "v1", INDEX)
    source.rule(method, "/manifests/v1", lie)
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == "digest_mismatch"
    assert NOT_THERE in str(caught.value)
    assert "team/app" not in target.repositories or not target.repository("team/app").manifests


def test_a_short_manifest_body_is_tried_again(source: ScriptedRegistry) -> None:
    def shorter(_request: object, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        return Reply(
            headers=reply.headers, body=reply.body[:-5], length=len(reply.body), cut_at=len(reply.body) - 5
        )

    source.rule("GET", "/manifests/", shorter, times=1)
    assert get_image(source).digest == IMAGE.digest
