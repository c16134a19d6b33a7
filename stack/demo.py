"""`make demo`: the main job without a person, on a private stack that is gone afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from stack.config import Embedded, RunConfig, Web
from stack.output import Console
from stack.reader import Reader, ReadError
from stack.runner import Portal, run_portal
from stack.sample import SAMPLE_TAG, sample_image
from stack.sample_import import PROJECT, TARGET_NAME

#: The demo is private: what the operator configured for the real portal must not reach it.
OURS = ("REDIS_", "REGISTRY_", "DATABASE_", "IMPORT_", "DJANGO_SUPERUSER_", "PORTAL_", "TOKEN_SERVICE_")
FOREIGN = ("SECRET_KEY", "CRYPTOGRAPHY_KEYS", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "HOST", "PORT")


async def run_demo(console: Console) -> int:
    """Import the sample into a new private portal and read it back; 0 only if it arrived intact."""
    for name in [name for name in os.environ if name.startswith((*OURS, *FOREIGN))]:
        del os.environ[name]
    os.environ["PORTAL_DOTENV"] = ""
    directory = Path(tempfile.mkdtemp(prefix="portal-demo-"))
    config = RunConfig(data_dir=directory, web=Web(port=0), embedded=Embedded(usual_ports=False))
    try:
        code = await run_portal(config, console, when_up=_check)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    console.plain(f"Demo {'succeeded' if code == 0 else 'FAILED'}.")
    return code


async def _check(portal: Portal) -> int:
    if not portal.sample_done:
        return 1
    target = portal.addresses["registry_url"]
    repository, expected = f"{PROJECT}/{TARGET_NAME}", sample_image().digest
    reader = Reader(
        target,
        username=str(portal.administrator["username"]),
        password=str(portal.administrator["password"]),
    )
    try:
        found = await asyncio.to_thread(reader.verify, repository, SAMPLE_TAG)
    except ReadError as exc:
        portal.console.say("portal", f"the image can't be read back: {exc}")
        return 1
    portal.console.say(
        "portal",
        f"read back from {target}: {repository}:{SAMPLE_TAG} is {found.digest} "
        f"({found.manifests} manifests, {found.blobs} blobs, {found.bytes} bytes, every one checked)",
    )
    if found.digest != expected:
        portal.console.say("portal", f"but the source's digest is {expected}")
        return 1
    return 0
