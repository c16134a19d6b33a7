"""The command line that checks a bundle without the portal, run by shells: all of it is there, or it fails."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from imageimport.bundles.commands import commands_of
from imageimport.bundles.selectors import file_name
from imageimport.models import Bundle
from testbed.images import random_image
from tests.support.content.archives import volumes, write

IMAGE = random_image([20_000, 30_000, 40_000, 50_000], seed=12)
FILES = volumes({"app:1": IMAGE}, 3)
SHELLS = ["sh", "bash"]


def check(folder: Path, shell: str, contents: list[bytes]) -> subprocess.CompletedProcess[str]:
    """Run the command where these volumes are; an empty one is not there."""
    bundle = Bundle(name="it's a ship", volumes=[1] * len(contents))
    for number, content in enumerate(contents, start=1):
        if content:
            write(folder / file_name(bundle, number), content)
    verify = commands_of(bundle, ["https://portal.example.com/"] * len(contents)).verify
    return subprocess.run([shell, "-c", verify], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("count", [1, 3])
def test_all_files_of_a_bundle_are_complete(tmp_path: Path, shell: str, count: int) -> None:
    done = check(tmp_path, shell, volumes({"app:1": IMAGE}, count))
    assert (done.returncode, done.stdout, done.stderr) == (0, "complete\n", "")


def cut(files: list[bytes]) -> list[bytes]:
    """The largest file, which comes first here, ends in the middle of a blob."""
    largest = max(files, key=len)
    return [largest[: len(largest) // 2], *(each for each in files if each is not largest)]


def lost(files: list[bytes]) -> list[bytes]:
    return [b"", *files[1:]]


def another(files: list[bytes]) -> list[bytes]:
    """The first file twice: every blob that is there is right."""
    return [files[0], files[0], files[2]]


def spoilt(files: list[bytes]) -> list[bytes]:
    layer = max(IMAGE.all_blobs(), key=lambda blob: len(blob.data)).data
    return [each.replace(layer, layer[:-1] + bytes([layer[-1] ^ 1])) for each in files]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("damage", [cut, lost, another, spoilt])
def test_what_is_damaged_or_missing_fails_whichever_file_it_is_in(
    tmp_path: Path, shell: str, damage: Callable[[list[bytes]], list[bytes]]
) -> None:
    done = check(tmp_path, shell, damage(FILES))
    assert done.returncode != 0
    assert "complete" not in done.stdout
