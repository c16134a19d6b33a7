"""The whole API against its own description: no 5xx, no answer that the OpenAPI document does not know.

In-process and without a worker, so that no import and no credential test ever leaves this machine.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from accounts.tokens import create_token
from stack.paths import BIN
from tests.support.fresh import fresh_memory
from tests.support.people import Team
from tests.support.services import RegistryServer

__all__ = ["fresh_memory"]

#: A run's time. Longer runs by hand: FUZZ_SECONDS=600 FUZZ_SEED=… (what they find gets a test of its own).
SECONDS = os.environ.get("FUZZ_SECONDS", "45")
SEED = os.environ.get("FUZZ_SEED", "49384999472251515650254669136304492743")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(int(SECONDS) + 300)]

#: They ask the source, whose name the fuzzer invents.
ASKING = "images/import/plan$|credentials/.*/test$|batches/read$"


def test_the_api_does_what_its_description_says(
    live_server: Any, registry: RegistryServer, settings: Any, tmp_path: Path
) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    team = Team.make("fuzzed")
    team.image()
    token = create_token(user=team.users["superuser"])[1]
    done = subprocess.run(
        [
            *(BIN / "schemathesis", "run", f"{live_server.url}/api/schema"),
            *("--header", f"Authorization: Bearer {token}", "--seed", SEED, "--max-time", SECONDS),
            *("--checks", "all", "--exclude-operation-id", "auth_tokens_destroy"),
            # Names that are taken and people who are not there are valid by their form, and refused.
            *("--exclude-checks", "positive_data_acceptance,negative_data_rejection"),
            *("--exclude-path-regex", ASKING, "--warnings", "off", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=float(SECONDS) + 200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "generated, " in done.stdout
