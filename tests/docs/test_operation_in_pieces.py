"""What the operator's guide says to those who run the pieces themselves, run as written: a database of their own, and
an upgrade by git."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg

from stack.paths import BIN, ROOT
from tests.support.services import PostgresServer

#: What a checkout need not have to be upgraded.
LEFT_OUT = (".*", "var", "tests", "bench", "screenshots", "pictures", "__pycache__")


def block(name: str) -> str:
    """The commands of one block of the guide."""
    guide = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    found = re.search(rf"^```sh {name}\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def run(commands: str, *, where: Path, env: Mapping[str, str]) -> str:
    """Run them in a shell that stops at the first failure; what they print."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=where,
        # Not the settings of this process, which are those of the tests.
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PORTAL_DOTENV": "", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_database_of_ones_own_is_dumped_and_restored_as_written(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE dumped")
    url = postgres.url("dumped")
    env = {"DATABASE_URL": url, "PORTAL_DATA_DIR": str(tmp_path / "data")}
    run(f"{BIN}/python manage.py bootstrap --no-static", where=ROOT, env=env)
    run(block("postgres backup"), where=tmp_path, env=env)

    with psycopg.connect(url) as connection:
        connection.execute("DROP FUNCTION portal_grams CASCADE")
        connection.execute("DROP TABLE image_import_layers")
        connection.execute("UPDATE projects_project SET name = 'lost'")
    run(block("postgres restore"), where=tmp_path, env=env)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT name FROM projects_project").fetchall() == [("library",)]
        assert connection.execute("SELECT count(*) FROM image_import_layers").fetchall() == [(0,)]
        indexes = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%search%'"
        ).fetchall()
    assert {"image_import_search_grams", "image_import_search_source_image"} <= {name for (name,) in indexes}


def test_an_upgrade_by_git_as_written_migrates_what_the_release_before_made(tmp_path: Path) -> None:
    upstream, here, data = tmp_path / "upstream", tmp_path / "here", tmp_path / "data"
    shutil.copytree(ROOT, upstream, ignore=shutil.ignore_patterns(*LEFT_OUT))
    newest = max((upstream / "imageimport" / "migrations").glob("0*.py"))
    env = {"PORTAL_DATA_DIR": str(data), "GIT_CONFIG_GLOBAL": os.devnull}
    commit = "git add -A && git -c user.name=a -c user.email=a@example.com commit -q -m"
    run(
        f"git init -q && mv {newest} ../newest.py && {commit} before && git clone -q . ../here"
        f" && mv ../newest.py {newest} && {commit} after",
        where=upstream,
        env=env,
    )
    # As it is installed, for the same locked dependencies: then there is nothing to fetch.
    (here / ".venv").symlink_to(ROOT / ".venv")

    def migrated() -> bool:
        with sqlite3.connect(data / "portal.sqlite3") as connection:
            found = connection.execute("SELECT name FROM django_migrations WHERE app = 'imageimport'")
            return (newest.stem,) in found.fetchall()

    run(".venv/bin/python manage.py bootstrap --no-static", where=here, env=env)
    assert not migrated()
    run(block("upgrade"), where=here, env=env)
    assert migrated()
