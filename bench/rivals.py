"""Who copies an image, each from the source's repository to the target's: seconds of wall time."""

from __future__ import annotations

import datetime as dt
import http.client
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence

from bench.engine import upload_all
from bench.world import World
from stack.sample import OCI_INDEX, OCI_MANIFEST, Image

Rival = Callable[[World, str, str], float]

#: Someone watches, as a page does every two seconds; the end is told by the import itself.
LOOK_SECONDS = 0.5
MANIFESTS = (OCI_MANIFEST, OCI_INDEX)


def portal(world: World, repository: str, tag: str, source: str = "") -> float:
    """The whole product: from sending the POST to ``success``, by the clock that both share.

    :param source: where it reads, if not at the source itself.
    """
    project = world.portal.project("bench")
    (host, name), _target = _ends(world, repository, source)
    began = time.time()
    task = world.portal.submit(project, f"{host}/{name}:{tag}", target_name=repository)
    return _until_success(world, project, task["id"], began)


def portal_elsewhere(world: World, repository: str, tag: str) -> float:
    """The same into a project that has never seen it: layers are mounted."""
    project = world.portal.project(f"bench-{uuid.uuid4().hex[:8]}")
    began = time.time()
    task = world.portal.submit(project, f"{world.source.host}/{repository}:{tag}", target_name=repository)
    return _until_success(world, project, task["id"], began)


def portal_many(world: World, repository: str, tags: Sequence[str]) -> float:
    """Several imports at once, until the last has succeeded."""
    project = world.portal.project("bench")
    began = time.time()
    tasks = [
        world.portal.submit(
            project, f"{world.source.host}/{repository}:{tag}", target_name=f"{repository}-{tag}"
        )
        for tag in tags
    ]
    return max(_until_success(world, project, task["id"], began) for task in tasks)


def empty_cycle(world: World) -> float:
    """A request cycle without an import: submit, claim, fail at once, see the end."""
    project = world.portal.project("bench")
    began = time.time()
    task = world.portal.submit(project, f"{world.source.host}/no/such:image")
    done = world.portal.wait(project, task["id"], timeout=60)
    assert done["error_code"] == "not_found", done
    return ended(done) - began


def skopeo(world: World, repository: str, tag: str, source: str = "") -> float:
    """:param source: where it reads, if not at the source itself."""
    # An empty HOME: what an earlier run remembers of blobs would let it mount instead of copy.
    command = ["env", "HOME=/nonexistent", "skopeo", "copy", "--quiet", "--all"]
    options = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    ends = [f"docker://{host}/{name}:{tag}" for host, name in _ends(world, repository, source)]
    seconds = _timed([*command, *options, *ends])
    _same_at_both_ends(world, repository, tag)
    return seconds


def crane(world: World, repository: str, tag: str, source: str = "") -> float:
    """``crane copy`` of the binary that CRANE names."""
    ends = [f"{host}/{name}:{tag}" for host, name in _ends(world, repository, source)]
    seconds = _timed([os.environ["CRANE"], "copy", "--insecure", *ends])
    _same_at_both_ends(world, repository, tag)
    return seconds


def docker(world: World, repository: str, tag: str) -> float:
    """``docker pull``, ``docker tag``, ``docker push``."""
    assert world.engine is not None
    source, target = (f"{host}/{name}:{tag}" for host, name in _ends(world, repository))
    began = time.monotonic()
    world.engine.docker("pull", "--quiet", source)
    world.engine.docker("tag", source, target)
    world.engine.docker("push", "--quiet", target)
    return time.monotonic() - began


def floor(world: World, image: Image, repository: str) -> float:
    """Uploading the same blobs from memory, with the same parallelism and no source at all."""
    began = time.monotonic()
    upload_all(world.target.host, f"floor/{repository}", image)
    return time.monotonic() - began


def _ends(world: World, repository: str, source: str = "") -> tuple[tuple[str, str], tuple[str, str]]:
    return (source or world.source.host, repository), (world.target.host, f"rival/{repository}")


def _same_at_both_ends(world: World, repository: str, tag: str) -> None:
    """A rival that changes what it copies (compresses, say) does other work than the portal's."""
    source, target = (_digest(host, name, tag) for host, name in _ends(world, repository))
    assert source == target, (source, target)


def _digest(host: str, repository: str, tag: str) -> str:
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": ", ".join(MANIFESTS)})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200, answer.status
    return answer.getheader("Docker-Content-Digest") or ""


def _timed(command: Sequence[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)  # crane tells of each blob
    return time.monotonic() - began


def _until_success(world: World, project: str, task: str, began: float) -> float:
    done = world.portal.wait(project, task, timeout=300, every=LOOK_SECONDS)
    assert done["status"] == "success", done
    return ended(done) - began


def ended(task: dict[str, object]) -> float:
    """When an import or a batch ended, in seconds since 1970."""
    return dt.datetime.fromisoformat(str(task["completed_at"])).timestamp()
