"""What the guides tell people to type works as it is written."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from imageimport.webhooks.sender import signature
from stack.paths import BIN, ROOT
from stack.sample import sample_image
from testbed.images import random_image
from testbed.portal import ADMIN, PortalProcess
from testbed.services import RegistryServer
from tests.support.content.bundles import CHANGED, SIX


def blocks(name: str) -> list[str]:
    """The shell blocks of a guide."""
    return re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def test_every_block_of_the_api_guide_runs_in_order(
    portal: PortalProcess, registry: RegistryServer, tmp_path: Path
) -> None:
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
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    printed = done.stdout.splitlines()
    assert printed.pop(-2).isdigit(), "bytes that other projects hold, too"
    assert printed == [
        "guide",
        "success",
        "0",
        *("ci", "unknown"),
        f"docker pull {portal.registry_host}/guide/web:1",
        "oci-layout",
        "index.json",
        "guide",
        "2",
        "empty:1",
        "bundle:saved.tar#empty:1",
        "0 3 * * *",
        "missing",
        *("approve", "0"),
        *("https://mirror.example.com/quay", "True", "20000000"),
        *("[]", "True", "[]"),
        "409",
    ], done.stdout


def test_the_guide_across_an_air_gap_runs_from_start_to_end(
    portal: PortalProcess, registry: RegistryServer, tmp_path: Path
) -> None:
    """Two projects are the two sides; images come from a registry here."""
    found = blocks("bundles.md")
    assert found == blocks("bundles.zh-CN.md")
    assert len(found) == 4
    registry.push("nginx", "1.27", SIX)
    registry.push("nginx", "1.28", CHANGED)
    registry.push("redis", "7", random_image([3000]))
    program = tmp_path / "bin" / "portal"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {BIN / "python"} -m portal_client "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    for side in ("gap-here", "gap-there"):
        portal.project(side)
    for side, block in zip(("gap-here", "gap-there") * 2, found, strict=True):
        commands = re.sub(
            r"^portal import .*",
            lambda line: re.sub("(nginx|redis):", rf"{registry.host}/\1:", line[0]),
            block,
            flags=re.MULTILINE,
        )
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            env={
                "PATH": f"{program.parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT / "client"),
                "HOME": str(tmp_path),
                "PORTAL_URL": portal.url,
                "PORTAL_TOKEN": portal.token,
                "PORTAL_PROJECT": side,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (first,), (second,) = ((tmp_path / "usb").glob(f"{name}-*.tar") for name in ("first", "second"))
    assert second.stat().st_size < first.stat().st_size / 2
    assert portal.verify("gap-there/nginx", "1.28").digest == CHANGED.digest
    assert portal.verify("gap-there/nginx", "1.27").digest == SIX.digest


def test_the_blocks_about_ways_out_are_the_same_in_both_languages() -> None:
    assert blocks("ways-out.md") == blocks("ways-out.zh-CN.md")
    assert len(blocks("ways-out.md")) == 4


@pytest.mark.parametrize("guide", ["client", "webhooks"])
def test_a_guide_and_its_translation_name_the_same_things(guide: str) -> None:
    """Every word in code: commands, fields, events, variables, numbers of headings and rows besides."""

    def named(name: str) -> tuple[Counter[str], list[int], int]:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        levels = [len(each) for each in re.findall(r"^(#+) ", prose, re.MULTILINE)]
        return Counter(re.findall(r"`([^`]+)`", prose)), levels, len(re.findall(r"^\|", prose, re.MULTILINE))

    assert named(f"{guide}.md") == named(f"{guide}.zh-CN.md")


@pytest.mark.parametrize("number", [0, 2, 3])
def test_variables_of_the_guide_to_ways_out_are_read_as_they_are_written(number: int, tmp_path: Path) -> None:
    """By a portal that finds the block in its ``.env``."""
    expected = {
        0: [
            "registry.corp.example direct",
            "* http://portal@proxy.corp.example:3128",
            "p@ss",
            "*",
            "http://proxy.corp.example:3128",
        ],
        2: ["/etc/portal/corp-ca.pem"],
        3: ["20000000", "22:00-06:00 Asia/Shanghai"],
    }
    shown = {
        0: "[f'{r.pattern.text} {shown_way(r.way)}' for r in settings.IMPORT_PROXIES]"
        " + [settings.IMPORT_PROXIES[1].way.password, settings.WEBHOOK_PROXY[0].pattern.text,"
        " shown_way(settings.OIDC_PROXY[0].way)]",
        2: "[settings.IMPORT_CA_FILE]",
        3: "[settings.IMPORT_BANDWIDTH, settings.IMPORT_WINDOW]",
    }
    dotenv = tmp_path / "env"
    dotenv.write_text(blocks("ways-out.md")[number], encoding="utf-8")
    code = (
        "from django.conf import settings; from imageimport.registries.sources import shown_way; "
        f"print(*{shown[number]}, sep='\\n')"
    )
    done = subprocess.run(
        [BIN / "python", ROOT / "manage.py", "shell", "-v0", "-c", code],
        env={
            "PATH": os.environ["PATH"],
            "PORTAL_DATA_DIR": str(tmp_path / "data"),
            "PORTAL_DOTENV": str(dotenv),
            "HTTPS_PROXY": "http://proxy.corp.example:3128",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines() == expected[number], done.stderr


def test_a_mirror_is_set_over_the_api_as_the_guide_says(portal: PortalProcess) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", blocks("ways-out.md")[1]],
        env={"PATH": os.environ["PATH"], "PORTAL": portal.url, "TOKEN": portal.token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rule = json.loads(done.stdout)
    assert portal.call("DELETE", f"/sources/{rule['id']}").status_code == 204
    assert (rule["pattern"], rule["mirrors_only"]) == ("docker.io", True)
    assert rule["mirrors"] == [{"url": "https://m.daocloud.io/docker.io", "username": ""}]


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
