"""Tags that only hold what is attached to an image are told from tags of images."""

from __future__ import annotations

import pytest

from oci.copy.referrers import is_attachment_tag

HEX = "a" * 64


@pytest.mark.parametrize(
    "tag", [f"sha256-{HEX}", f"sha256-{HEX}.sig", f"sha256-{HEX}.att", f"sha256-{HEX}.sbom"]
)
def test_cosigns_tags_and_the_stand_in_for_referrers_are_attachments(tag: str) -> None:
    assert is_attachment_tag(tag)


@pytest.mark.parametrize(
    "tag", ["latest", "sha256", f"sha256-{HEX[:-1]}", f"sha256-{HEX}.tar", f"v-sha256-{HEX}", ""]
)
def test_everything_else_is_an_images_tag(tag: str) -> None:
    assert not is_attachment_tag(tag)
