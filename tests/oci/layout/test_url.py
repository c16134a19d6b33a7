"""An image of an uploaded file, written where a reference is."""

from __future__ import annotations

import pytest

from oci.layout import url
from oci.reference.grammar import InvalidReference


@pytest.mark.parametrize("file", ["bundle.tar", "My File (2).tar.gz", "a#b:1.tar"])
def test_what_was_written_is_read_as_name_and_tag(file: str) -> None:
    found = url.parse(url.write(file, "team/app:1.27"))
    assert (found.registry, found.repository, found.tag, found.digest) == (
        url.BUNDLE,
        "team/app",
        "1.27",
        None,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nginx:1.27",
        "bundle:file.tar",
        "bundle:file.tar#app",
        "bundle:file.tar#App:1",
        "other:file.tar#app:1",
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference, match="isn't the name of an image in an uploaded file"):
        url.parse(text)
