"""Archives that are opened as one, and the sentence with which they are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from oci.errors import OciError
from oci.layout.archive import Archive
from oci.layout.files import open_file
from oci.layout.reading import read_archive
from stack.sample import index_of
from testbed.images import random_image
from tests.support.content.archives import write

ONE = random_image([9_000, 5_000], seed=1)

INDEX = index_of([random_image([4_000], seed=2), random_image([3_000], seed=3, platform="linux/arm64")])


def archive_of(path: Path, *contents: bytes, names: Sequence[str] = ()) -> Archive:
    called = names or [f"file{number}.tar" for number in range(len(contents))]
    files = [
        open_file(write(path / name, content), name) for name, content in zip(called, contents, strict=True)
    ]
    try:
        return read_archive(files)
    except BaseException:
        for file in files:
            file.close()
        raise


def refusal(path: Path, *contents: bytes, code: str = "bundle_invalid", names: Sequence[str] = ()) -> str:
    with pytest.raises(OciError) as caught:
        archive_of(path, *contents, names=names)
    assert caught.value.code == code
    return str(caught.value)
