"""The rooms that live by the database pass on PostgreSQL as they do on SQLite."""

from __future__ import annotations

import os
import subprocess

import psycopg
import pytest

from stack.paths import BIN, ROOT
from testbed.services import PostgresServer

#: Claims, endings, progress, services, search, batches and schedules: what locks, constrains or asks in SQL.
ROOMS = (
    "tests/imageimport/worker/test_leases.py",
    "tests/imageimport/worker/test_completion.py",
    "tests/imageimport/worker/test_progress.py",
    "tests/imageimport/submission/test_services.py",
    "tests/imageimport/submission/test_requests.py",
    "tests/imageimport/worker/test_attempt.py",
    "tests/imageimport/test_search.py",
    "tests/imageimport/api/test_tasks.py",
    "tests/imageimport/api/serializers/test_tasks.py",
    "tests/imageimport/batches/test_services.py",
    "tests/imageimport/batches/test_validation.py",
    "tests/imageimport/batches/test_selectors.py",
    "tests/imageimport/admin/test_tasks.py",
    "tests/imageimport/test_quotas.py",
    "tests/imageimport/worker/test_within_quota.py",
    "tests/imageimport/test_filters.py",
    "tests/projects/search/test_query.py",
    "tests/projects/search/test_holdings.py",
)
#: They take half a minute on a machine of their own. Seconds.
TIME = 600


@pytest.mark.timeout(TIME + 60)
def test_the_rooms_that_live_by_the_database_pass_on_postgresql(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE test_rooms TEMPLATE tables")
    done = subprocess.run(
        [BIN / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", "--reuse-db", *ROOMS],
        cwd=ROOT,
        env={**os.environ, "TEST_DATABASE_URL": postgres.url("rooms")},
        capture_output=True,
        text=True,
        timeout=TIME,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    assert " passed" in done.stdout
