"""The operator's guide, run as written, on a portal that `make run` would start: nothing is lost on the way.

What it says about Compose is run by ``make compose``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from stack.paths import ROOT
from stack.sample import sample_image
from testbed.images import random_image
from testbed.portal import PortalProcess
from testbed.scripted_registry import ScriptedRegistry
from testbed.services import RegistryServer
from testbed.throttle import Throttle
from tests.docs.test_guides import blocks

#: What each block of the guide is about, by a word that only it has, in the guide's order.
BLOCKS = {
    "backup": ".backup(",
    "restore": "rm -rf",
    "new key": "NEW=",
    "rotate": "rotate_credentials\n",
    "old keys": "cut -d",
    "garbage": "collectgarbage",
}


def test_a_backup_a_rotation_a_garbage_collection_and_a_restore_as_written(
    make_portal: Callable[..., PortalProcess], registry: RegistryServer, tmp_path: Path
) -> None:
    found = blocks("operation.md")
    assert [[name for name, word in BLOCKS.items() if word in block] for block in found] == [
        [name] for name in BLOCKS
    ]
    guide = dict(zip(BLOCKS, found, strict=True))
    mirrors = f"docker.io=http://{registry.host};ghcr.io=http://{registry.host}"
    portal = make_portal(
        IMPORT_LEASE_SECONDS="3",
        IMPORT_SWEEP_SECONDS="1",
        IMPORT_REGISTRY_MIRRORS=mirrors,
        IMPORT_MIRRORS_ONLY="docker.io,ghcr.io",
    )

    def run(name: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", guide[name]],
            cwd=ROOT,
            env={**portal.environment(), "BACKUP": str(tmp_path / "backup")},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout

    project = portal.project("operated")
    kept = registry.push("operation/kept", "1", sample_image())
    portal.run_import(project, f"{registry.host}/operation/kept:1")
    body = {"name": "theirs", "registry": "ghcr.io", "username": "me", "password": "not-to-be-lost"}
    assert portal.call("POST", f"/projects/{project}/credentials", body).status_code == 201

    with ScriptedRegistry() as source:
        image = random_image([300_000, 2_000_000], seed=5)
        late = source.add_image("operation/late", "1", image)
        slow = Throttle(300_000)
        source.rule("GET", f"/blobs/{image.blobs[2].digest}", slow)
        task = portal.submit(project, f"{source.server_name}/operation/late:1")["id"]
        while portal.task(project, task)["bytes_done"] < 400_000:
            assert portal.task(project, task)["status"] in {"pending", "running"}
        run("backup")
        portal.stop()
        run("garbage")
        for path in portal.data_dir.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        run("restore")
        run("new key")
        slow.release()
        portal.start()
        # It ran when the backup was taken: it is taken over, and ends.
        ended = portal.wait(project, task)
    assert (ended["status"], ended["digest"]) == ("success", late), ended
    assert portal.verify("operated/operation/late", "1").digest == late
    assert portal.verify("operated/operation/kept", "1").digest == kept
    assert not [path for path in (tmp_path / "backup").iterdir() if path.stat().st_mode & 0o77]

    assert re.search(r"credential.*: 1 re-encrypted, 0 current$", run("rotate"), re.MULTILINE | re.IGNORECASE)
    run("old keys")
    assert re.search(r"credential.*: 0 re-encrypted, 1 current$", run("rotate"), re.MULTILINE | re.IGNORECASE)

    # The users' guide, in both languages: what it imports comes from mirrors here.
    assert blocks("using.md") == blocks("using.zh-CN.md")
    registry.push("library/nginx", "1.27", sample_image())
    registry.push("owner/app", "1", sample_image())
    portal.project("team")
    for name in ("manage.py", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "token.txt").write_text("token-of-the-guide\n", encoding="ascii")
    (commands,) = blocks("using.md")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env=portal.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    for repository, tag in (("team/nginx", "1.27"), ("team/owner/app", "1")):
        assert portal.verify(repository, tag)
