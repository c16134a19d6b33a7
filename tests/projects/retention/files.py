"""What tests of collections do with the files of a real registry."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from projects.retention.marking import Keeping
from projects.retention.storage import Storage
from projects.retention.sweeping import Swept, collect
from stack.sample import Image, index_of
from testbed.images import random_image
from testbed.services import RegistryServer

#: Everything that no tag names has been there for longer.
OLD: Final = float("inf")
REPOSITORIES: Final = Path("docker/registry/v2/repositories")


def storage_of(server: RegistryServer) -> Storage:
    return Storage(server.plan.directory / "data")


def keeping(
    held: Iterable[str] = (),
    *,
    young: float = OLD,
    let_go: Mapping[str, float] | None = None,
    blobs: Iterable[str] = (),
) -> Callable[[], Keeping]:
    found = Keeping(lambda _: held, lambda _: young, lambda _: let_go or {}, list(blobs))
    return lambda: found


def sweep(server: RegistryServer, what: Callable[[], Keeping] | None = None) -> Swept:
    return collect(storage_of(server), what or keeping(), lambda: None)


def du(server: RegistryServer) -> int:
    """Bytes on the disk, by a program that is not ours."""
    command = ["du", "-s", "--block-size=1", str(storage_of(server).root)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])


def has_blob(server: RegistryServer, digest: str) -> bool:
    return server.blob_path(digest).exists()


def attach(server: RegistryServer, repository: str, digest: str, seed: int) -> Image:
    """A signature as cosign keeps it."""
    made = random_image([300], seed=seed)
    server.push(repository, digest.replace(":", "-") + ".sig", made)
    return made


def layers_of(image: Image) -> list[str]:
    return [blob.digest for blob in (*image.all_blobs(), *image.all_manifests())]


def two_platforms(seed: int) -> Image:
    return index_of(
        [random_image([4000], seed=seed), random_image([5000], seed=seed + 1, platform="linux/arm64")]
    )


def put_tag(server: RegistryServer, tag: str, digest: str) -> None:
    """A tag of ``team/app``, as a push whose token had not run out writes it."""
    path = storage_of(server).root / REPOSITORIES / f"team/app/_manifests/tags/{tag}/current"
    path.mkdir(parents=True)
    (path / "link").write_text(digest)


def age(server: RegistryServer, days: float) -> None:
    """What came during the last hour came so many days ago."""
    now = time.time()
    for path in storage_of(server).root.rglob("link"):
        if path.stat().st_mtime > now - 3600:
            os.utime(path, (now - days * 86400, now - days * 86400))
