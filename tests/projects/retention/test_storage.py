"""The files of a registry as they are found: what can't be seen, and what is moved aside and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from projects.retention.storage import Storage, Unreadable
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.projects.retention.files import REPOSITORIES, has_blob, layers_of, storage_of, sweep, two_platforms


def elsewhere(root: Path) -> None:
    """A repository that the operator moved to another disk. The registry follows the link."""
    (root / REPOSITORIES / "team/app").rename(root.parent / "app")
    (root / REPOSITORIES / "team/app").symlink_to(root.parent / "app")


def torn(root: Path) -> None:
    """A tag that the registry was writing when the power went."""
    (root / REPOSITORIES / "team/app/_manifests/tags/1/current/link").write_text("")


def lacking(root: Path) -> None:
    """Half of a backup."""
    (root / REPOSITORIES).rename(root.parent / "repositories")


@pytest.mark.parametrize("happens", [elsewhere, torn, lacking])
def test_what_can_not_be_seen_does_not_count_as_not_there(
    own: RegistryServer, happens: Callable[[Path], None]
) -> None:
    image = two_platforms(10)
    own.push("team/app", "1", image)
    own.push("team/other", "1", random_image([700], seed=7))
    happens(storage_of(own).root)
    with pytest.raises(Unreadable):
        sweep(own)
    assert all(has_blob(own, digest) for digest in layers_of(image))


def test_an_empty_folder_that_a_registry_left_does_not_keep_what_comes_back_away(own: RegistryServer) -> None:
    image = random_image([700], seed=1)
    own.push("team/app", "1", image)
    storage = storage_of(own)
    path = storage.blob_path(image.digest)
    assert storage.put_aside(path)
    (storage.root / path).mkdir()
    assert storage.put_all_back(lambda: None) == 1
    assert own.verify("team/app", "1").digest == image.digest


def test_every_long_step_ends_when_its_collector_is_no_longer_the_one(own: RegistryServer) -> None:
    class Over(Exception):
        pass

    def over() -> None:
        raise Over

    own.push("team/app", "1", random_image([700], seed=1))
    storage = storage_of(own)
    for step in (storage.bytes_on_disk, storage.put_all_back, storage.delete_aside):
        assert storage.put_aside(storage.tag_path("team/app", "1")) or step != storage.bytes_on_disk
        with pytest.raises(Over):
            step(over)


def test_a_place_without_a_registry_is_none(tmp_path: Path) -> None:
    assert not Storage(tmp_path / "nowhere").is_here
    assert list(Storage(tmp_path).repositories()) == []
