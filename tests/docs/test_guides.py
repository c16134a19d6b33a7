"""What the guides tell people to type works as it is written."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest

from imageimport.webhooks.sender import signature
from stack.paths import ROOT
from stack.sample import sample_image
from tests.support.portal import ADMIN, PortalProcess
from tests.support.services import RegistryServer


def blocks(name: str) -> list[str]:
    """The shell blocks of a guide."""
    return re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def test_every_block_of_the_api_guide_runs_in_order(portal: PortalProcess, registry: RegistryServer) -> None:
    registry.push("guide/app", "1", sample_image())
    found = blocks("api.md")
    assert len(found) >= 8
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(found)],
        env={
            "PATH": os.environ["PATH"],
            "PORTAL": portal.url,
            "PORTAL_USER": ADMIN,
            "PORTAL_PASSWORD": portal.password,
            "IMAGE": f"{registry.host}/guide/app:1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    printed = done.stdout.splitlines()
    assert printed == [
        "guide",
        "success",
        "0",
        f"docker pull {portal.registry_host}/guide/web:1",
        "2",
        "0 3 * * *",
        "409",
    ], done.stdout


def test_the_webhook_guides_check_of_a_signature_tells_ours_from_others() -> None:
    text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    guide: dict[str, Any] = {}
    exec(example, guide)  # noqa: S102 - a document of ours
    body = b'{"event": "import.failed"}'
    header = signature("s3cret", body)
    assert guide["is_genuine"]("s3cret", body, header)
    assert not guide["is_genuine"]("s3cret", body + b" ", header)
    assert not guide["is_genuine"]("other", body, header)


@pytest.mark.parametrize(("guide", "least"), [("threat-model.md", 25), ("scaling.md", 15)])
def test_every_test_that_a_guide_names_as_proof_exists(guide: str, least: int) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / guide).read_text(encoding="utf-8")))
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) >= least
    assert named <= there, named - there
