"""What the portal writes is the operator's alone, also in a directory that was there before."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import compose, state
from stack.paths import BIN, ROOT
from stack.pgpass import split
from testbed.portal import PortalProcess


def open_to_others(directory: Path) -> list[str]:
    return sorted(
        str(path) for path in directory.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077
    )


def test_a_run_in_a_directory_that_was_open_closes_it_and_writes_nothing_for_others(
    make_portal: Callable[..., PortalProcess],
) -> None:
    portal = make_portal()
    portal.stop()
    database = portal.data_dir / "portal.sqlite3"
    portal.data_dir.chmod(0o755)
    database.chmod(0o644)
    (portal.data_dir / "celerybeat").unlink(missing_ok=True)
    portal.start()
    assert stat.S_IMODE(portal.data_dir.stat().st_mode) == 0o700
    names = [path for path in portal.data_dir.glob("portal.sqlite3*") if path.stat().st_mode & 0o077]
    assert names == []


def test_what_others_share_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(PermissionError, match="PORTAL_DATA_DIR"), state.hold(tmp_path):
        raise AssertionError
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


def test_commands_by_hand_write_a_database_for_nobody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", f"umask 022 && exec {BIN}/python manage.py migrate -v0 sessions"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORTAL_DATA_DIR": str(tmp_path), "PORTAL_DOTENV": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "portal.sqlite3").exists()
    assert open_to_others(tmp_path) == []


@pytest.mark.parametrize("command", [["collectstatic", "--noinput", "-v0"], ["bootstrap"]])
def test_static_files_are_for_a_web_server_too(tmp_path: Path, command: list[str]) -> None:
    static = tmp_path / "static"
    done = subprocess.run(
        [BIN / "python", "manage.py", *command],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PORTAL_DATA_DIR": str(tmp_path / "data"),
            "STATIC_ROOT": str(static),
            "PORTAL_DOTENV": "",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    paths = [path for path in static.rglob("*") if path.name != ".collected"]
    assert len(paths) > 20
    assert [path for path in paths if not path.stat().st_mode & 0o004] == []


def test_each_service_of_compose_mounts_its_own_secrets_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path / "data"))
    for name in ("config", "config-database", "config-redis", "config-registry", "config-front"):
        (tmp_path / name).mkdir()
    assert compose.main(str(tmp_path / "config")) == 0
    written = {path.name: sorted(file.name for file in path.iterdir()) for path in tmp_path.glob("config*")}
    assert written == {
        "config": ["database_url", "redis_url"],
        "config-database": ["database_password"],
        "config-redis": ["redis.conf"],
        "config-registry": ["registry.yml", "token_service.crt"],
        "config-front": ["nginx.conf"],
    }
    services: Any = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    mounted = {
        name: [volume for volume in service["volumes"] if volume.endswith(":/config:ro")]
        for name, service in services.items()
        if name != "prepare"
    }
    assert mounted == {
        "database": ["config-database:/config:ro"],
        "redis": ["config-redis:/config:ro"],
        "registry": ["config-registry:/config:ro"],
        "front": ["config-front:/config:ro"],
        **{name: ["config:/config:ro"] for name in ("bootstrap", "web", "worker", "collector", "beat")},
    }
    assert {f"{name}:/{name}" for name in written} <= set(services["prepare"]["volumes"])


@pytest.mark.parametrize(
    ("url", "bare", "line"),
    [
        ("postgres://u:p@h:5433/d?sslmode=require", "postgresql://u@h:5433/d?sslmode=require", "*:*:*:*:p"),
        ("psql://u:a%3Ab%5Cc%40d@h/d", "postgresql://u@h/d", r"*:*:*:*:a\:b\\c@d"),
        ("postgresql://h/d", "postgresql://h/d", "*:*:*:*:"),
    ],
)
def test_a_password_goes_from_the_url_into_the_file(url: str, bare: str, line: str) -> None:
    assert split(url) == (bare, line)
