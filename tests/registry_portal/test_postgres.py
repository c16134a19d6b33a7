"""PostgreSQL gives up on a peer that is gone, whose locks would hold every import of the installation, and starts
nothing beside the session's own process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stack.paths import BIN, ROOT
from testbed.services import PostgresServer

ASK = """
from django.db import connection
with connection.cursor() as cursor:
    for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout",
                 "idle_in_transaction_session_timeout", "max_parallel_workers_per_gather", "jit"):
        cursor.execute(f"SHOW {name}")
        print(cursor.fetchone()[0])
"""


def test_every_session_bounds_how_long_the_server_believes_in_it_and_what_it_starts(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    done = subprocess.run(
        [BIN / "python", ROOT / "manage.py", "shell", "-v0", "-c", ASK],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "registry_portal.settings",
            "PORTAL_DATA_DIR": str(tmp_path),
            "DATABASE_URL": postgres.url(),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["10", "5", "3", "25000", "1min", "0", "off"]
