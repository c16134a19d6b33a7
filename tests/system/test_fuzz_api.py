"""The whole API against its own description, every check on: no 5xx, no answer that the OpenAPI document does not know,
nothing taken that it calls wrong.

In this process and without a worker. No name leads anywhere and no connection leaves this machine, so that plans and
tests of credentials are asked, too: their source is never there.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiToken
from accounts.sign_in.tokens import create_token
from imageimport.registries.clients import _door
from oci.egress import dial as dialing
from oci.egress import door
from oci.egress.hosts import IpAddress
from projects.models import Membership, Project, Role
from stack.paths import BIN
from testbed.services import RegistryServer
from tests.support.fresh import fresh_memory
from tests.support.people import make_user

__all__ = ["fresh_memory"]

#: A run's time. Longer runs by hand: FUZZ_SECONDS=600 FUZZ_SEED=… (what they find gets a test of its own).
SECONDS = os.environ.get("FUZZ_SECONDS", "30")
SEED = os.environ.get("FUZZ_SEED", "49384999472251515650254669136304492743")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(int(SECONDS) + 300)]

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
#: Fields, and values that would be worth a try: a random text is hardly ever a reference.
WORDS: dict[str, Sequence[str]] = {
    "body.image_url": ["nginx", "ghcr.io/team/app:1.2", "no.such.example/a/b@sha256:" + "a" * 64],
    "body.target_name": ["app", "team/app"],
    "body.target_tag": ["1", "latest"],
    "body.cron": ["0 3 * * *", "*/30 * * * *"],
    "body.timezone": ["UTC", "Asia/Shanghai"],
    "body.registry": ["ghcr.io", "no.such.example:5000"],
    "body.url": ["https://hooks.example.com/in", "http://hooks.example.com/"],
    "body.username": ["ann", "bob", "cid"],
}


@pytest.fixture
def nothing_outside(registry: RegistryServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to the private registry work; all others end in a network that is not there."""
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    dial = dialing.dial

    def guarded(addresses: Sequence[IpAddress], port: int, **more: Any) -> socket.socket:
        if all(address.is_loopback for address in addresses) and registry.url.endswith(f":{port}"):
            return dial(addresses, port, **more)
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    def nobody(host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(door, "dial", guarded)
    monkeypatch.setattr(door, "system_resolver", nobody)
    _door.cache_clear()


def configuration(projects: Sequence[Project]) -> str:
    """:data:`CONFIGURATION` with names of things that are there."""
    words = {"path.project_id": [str(each.pk) for each in projects], **WORDS}
    lines = [CONFIGURATION.read_text(encoding="utf-8"), "[dictionaries]"]
    lines += [
        f"{name.partition('.')[2]} = {{ values = {json.dumps(found)} }}" for name, found in words.items()
    ]
    lines.append("[parameters]")
    lines += [
        f'"{name}" = {{ dictionary = "{name.partition(".")[2]}", probability = 0.7 }}' for name in words
    ]
    return "\n".join([*lines, ""])


@pytest.mark.usefixtures("nothing_outside")
def test_the_api_does_what_its_description_says(live_server: Any, tmp_path: Path) -> None:
    caller = make_user("caller", superuser=True)
    for name in WORDS["body.username"]:
        make_user(name)
    # Enough of them that some are left of what is deleted.
    projects = Project.objects.bulk_create(Project(name=f"fuzzed-{number}") for number in range(200))
    Membership.objects.bulk_create(
        Membership(project=project, user=caller, role=Role.OWNER) for project in projects
    )
    row, token = create_token(user=caller)
    # No page of the list is so long that the token in use is on it, and could be deleted.
    ApiToken.objects.bulk_create(
        ApiToken(user=caller, prefix=f"spare-{number}", digest=f"{number:064x}") for number in range(2000)
    )
    config = tmp_path / "schemathesis.toml"
    config.write_text(configuration(projects), encoding="utf-8")
    done = subprocess.run(
        [
            *(BIN / "schemathesis", "--config-file", config, "run", f"{live_server.url}/api/schema"),
            *("--header", f"Authorization: Bearer {token}", "--seed", SEED, "--max-time", SECONDS),
            *("--checks", "all", "--continue-on-failure", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=float(SECONDS) + 200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
    assert "generated, " in done.stdout
    assert ApiToken.objects.filter(pk=row.pk).exists(), "the token in use was deleted"
    assert User.objects.filter(username="caller", is_superuser=True).exists()
