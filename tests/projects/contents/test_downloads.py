"""Documents of an image as files."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest

from oci.errors import OciError
from projects.contents.downloads import _spooled


def test_the_bytes_are_kept_from_their_begin() -> None:
    with _spooled(iter([b"ab", b"c"])) as file:
        assert file.read() == b"abc"


def test_nothing_is_left_open_of_bytes_that_end_early() -> None:
    def breaks() -> Iterator[bytes]:
        yield bytes(2 * 1024 * 1024)  # more than is kept in memory
        raise OciError("unreachable", "gone")

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(OciError):
            _spooled(breaks())
        gc.collect()
    assert not [str(each.message) for each in seen if "SpooledTemporaryFile" in str(each.message)]
