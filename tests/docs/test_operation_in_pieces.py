"""What the operator's guide says to those who run the pieces themselves, run as written: a database of their own; and
upgrades by git, in pieces and by `make run`."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
import requests

from stack.paths import BIN, ROOT
from stack.sample import sample_image
from testbed.portal import PortalProcess
from testbed.services import PostgresServer, RegistryServer

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
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def watched(where: Path, *names: str) -> Path:
    """A directory with programs of these names, which note their arguments and their password file and then run."""
    found = where / "watched"
    found.mkdir()
    for name in names:
        program = found / name
        note = f'echo "{name} $* PASSFILE $(cat "$PGPASSFILE")" >> {where}/arguments'
        program.write_text(f'#!/bin/sh\n{note}\nexec {shutil.which(name)} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return found


def test_the_new_key_of_compose_stands_in_no_command_line(tmp_path: Path) -> None:
    """As in the container, whose directory is another one here."""
    commands = block("compose rotate")
    assert "$NEW" not in commands
    step = re.compile(r"docker compose exec -T web (python -c \".*\"|sh -c '.*?read.*') ?\|?$", re.MULTILINE)
    made, put = step.findall(commands)
    keys = tmp_path / "cryptography_keys"
    keys.write_text("old\n", encoding="ascii")
    keys.chmod(0o600)
    env = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    run(f"{made} | {put.replace('/var/lib/portal/secrets', str(tmp_path))}", where=tmp_path, env=env)
    new, old = keys.read_text(encoding="ascii").strip().split(",")
    assert (len(new), old) == (44, "old")
    assert keys.stat().st_mode & 0o77 == 0


def test_every_backup_is_the_operators_alone() -> None:
    guide = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    found = re.findall(r"^```sh.*?\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    backups = [each for each in found if re.search(r"> \w+\.(dump|tar)$|cp -a", each, re.MULTILINE)]
    assert len(backups) >= 4
    assert [each for each in backups if not re.search("^umask 077$", each, re.MULTILINE)] == []


def test_a_database_of_ones_own_is_dumped_and_restored_as_written(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute("CREATE ROLE guide LOGIN SUPERUSER PASSWORD 'p4ss:w@rd'")
        admin.execute("CREATE DATABASE dumped OWNER guide")
    place = postgres.url("dumped").rpartition("@")[2]
    url = f"postgres://guide:p4ss%3Aw%40rd@{place}"
    env = {"DATABASE_URL": url, "PORTAL_DATA_DIR": str(tmp_path / "data")}
    run(f"{BIN}/python manage.py bootstrap --no-static", where=ROOT, env=env)
    for name in (".venv", "stack", "registry_portal", "oci", "accounts"):
        (tmp_path / name).symlink_to(ROOT / name)
    env["PATH"] = f"{watched(tmp_path, 'pg_dump', 'pg_restore')}{os.pathsep}{os.environ['PATH']}"
    run(block("postgres backup"), where=tmp_path, env=env)
    assert (tmp_path / "portal.dump").stat().st_mode & 0o77 == 0

    with psycopg.connect(url) as connection:
        connection.execute("DROP FUNCTION portal_grams CASCADE")
        connection.execute("DROP TABLE image_import_layers")
        connection.execute("UPDATE projects_project SET name = 'lost'")
    run(block("postgres restore"), where=tmp_path, env=env)
    said = (tmp_path / "arguments").read_text(encoding="utf-8")
    assert said.count("dumped") == 2
    assert said.count("PASSFILE *:*:*:*:p4ss\\:w@rd") == said.count("p4ss") == 2, (
        "command lines are everybody's"
    )
    assert not (tmp_path / "portal.pgpass").exists()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT name FROM projects_project").fetchall() == [("library",)]
        assert connection.execute("SELECT count(*) FROM image_import_layers").fetchall() == [(0,)]
        indexes = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%search%'"
        ).fetchall()
    assert {"image_import_search_grams", "image_import_search_source_image"} <= {name for (name,) in indexes}


#: A migration of a release to come, and a model of each app that has such a column.
FURTHER_NAME = "9999_further"
FURTHER = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("{app}", "{newest}")]
    operations = [migrations.AddIndex("{model}", models.Index(fields=["created_at"], name="further_{app}"))]
"""
DATED = {"imageimport": "importbatch", "projects": "membership"}


class Release:
    """A repository with releases, a checkout of its first one, and the portal that runs from there by `make run`."""

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        self.upstream, self.here = directory / "upstream", directory / "here"
        self.env = {"GIT_CONFIG_GLOBAL": os.devnull}
        shutil.copytree(ROOT, self.upstream, ignore=shutil.ignore_patterns(*LEFT_OUT))
        shutil.copy(ROOT / ".gitignore", self.upstream)
        run("git init -q", where=self.upstream, env=self.env)
        self.commit("first")
        run(f"git clone -q {self.upstream} {self.here}", where=directory, env=self.env)
        # As it is installed, for the same locked dependencies: then there is nothing to fetch.
        (self.here / ".venv").symlink_to(ROOT / ".venv")
        self.portal = PortalProcess(directory, {**env, **self.env}, ["make", "run"], self.here)

    def commit(self, name: str, *, migrates: str = "") -> None:
        """A further release, with another migration of the app ``migrates``."""
        if migrates:
            folder = self.upstream / migrates / "migrations"
            newest = max(folder.glob("0*.py")).stem
            text = FURTHER.format(app=migrates, newest=newest, model=DATED[migrates])
            (folder / f"{FURTHER_NAME}.py").write_text(text, encoding="utf-8")
        who = "-c user.name=a -c user.email=a@example.com"
        run(f"git add -A && git {who} commit -q -m {name}", where=self.upstream, env=self.env)

    def change(self, path: str, old: str, new: str) -> None:
        """Edit a file of the release to come."""
        text = (self.upstream / path).read_text(encoding="utf-8")
        assert old in text
        (self.upstream / path).write_text(text.replace(old, new), encoding="utf-8")

    def migrated(self, app: str) -> bool:
        with sqlite3.connect(self.portal.data_dir / "portal.sqlite3") as connection:
            found = connection.execute("SELECT name FROM django_migrations WHERE app = ?", [app])
            return (FURTHER_NAME,) in found.fetchall()


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    sources = {"IMPORT_PRIVATE_SOURCES": "127.0.0.0/8", "IMPORT_INSECURE_SOURCES": "127.0.0.1"}
    found = Release(tmp_path, {**sources, "WORKER_CONCURRENCY": "1"})
    yield found
    if found.portal.process:
        found.portal.interrupt()  # the shell of a guide's commands would not hand on what is sent to it alone


def test_upgrades_by_git_as_written_migrate_and_the_release_before_goes_on_meanwhile(
    release: Release, registry: RegistryServer
) -> None:
    portal = release.portal.start()
    project = portal.project("kept")
    digest = registry.push("upgrade/app", "1", sample_image())
    portal.run_import(project, f"{registry.host}/upgrade/app:1")

    def found(path: str) -> list[str]:
        answer = portal.call("GET", f"/projects/{project}/{path}?search=upgrade")
        assert answer.status_code == 200, answer.text
        return [row["digest"] for row in answer.json()["results"]]

    assert found("images") == found("images/import") == [digest]
    # A release whose search index has other keys: by these the one that runs would find nothing.
    release.change("projects/search/trigrams.py", "1 << 40", "1 << 41")
    release.commit("second", migrates="imageimport")
    assert not release.migrated("imageimport")
    run(block("upgrade"), where=release.here, env=portal.environment())
    assert release.migrated("imageimport")
    assert found("images") == found("images/import") == [digest]

    portal.interrupt()
    release.change("static/css/tokens.css", ":root", "/* third */ :root")
    release.commit("third", migrates="projects")
    assert not release.migrated("projects")
    portal.command = ["bash", "-euo", "pipefail", "-c", block("run upgrade")]
    portal.start()
    assert release.migrated("projects")
    assert found("images") == found("images/import") == [digest]
    assert portal.verify("kept/upgrade/app", "1").digest == digest
    page = requests.get(f"{portal.url}/accounts/login/", timeout=10).text
    (sheet,) = re.findall(r'href="(/static/css/tokens\.[^"]+)"', page)
    assert "/* third */" in requests.get(f"{portal.url}{sheet}", timeout=10).text
