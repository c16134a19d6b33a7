"""`make install` on machines that miss something."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stack.install.system import NEEDS_TO_RUN, InstallError, Need, install_system_packages


def test_nothing_is_done_where_nothing_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{_forbidden(tmp_path, 'apt-get', 'sudo')}:{os.environ['PATH']}")
    install_system_packages("run")


def test_what_cannot_be_installed_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = Need("a Redis server", lambda: False, ["redis-server"])
    monkeypatch.setattr("stack.install.system.NEEDS_TO_RUN", (missing,))
    monkeypatch.setenv("PATH", str(tmp_path))  # no apt-get here
    with pytest.raises(InstallError) as raised:
        install_system_packages("run")
    assert "apt-get install redis-server" in str(raised.value)
    assert "REDIS_URL=redis://" in str(raised.value)


def test_a_package_that_this_release_lacks_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The Docker client is in docker.io until Debian 12, and a package of its own from Debian 13 on."""
    asked = tmp_path / "asked"
    for name, text in {
        "apt-get": f'echo "$*" >> {asked}; case "$*" in *docker-cli*) exit 100;; esac',
        "apt-cache": 'case "$2" in docker-cli) exit 100;; esac',
        "sudo": 'exec "$@"',
    }.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("stack.install.system.POLICY", tmp_path)  # there is one: nothing to write
    client = Need("the Docker client", asked.exists, ["docker-cli", "docker.io"])
    monkeypatch.setattr("stack.install.system.NEEDS_TO_RUN", (client,))
    install_system_packages("run")
    (install,) = [line for line in asked.read_text(encoding="utf-8").splitlines() if " install " in line]
    assert install.endswith("--no-install-recommends docker.io")


def test_a_configured_service_is_not_needed_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    need = next(need for need in NEEDS_TO_RUN if "Redis" in need.what)
    monkeypatch.setattr("stack.install.system.search_path", lambda: str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv("REDIS_URL_FILE", raising=False)
    assert not need.present()
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:6379/0")
    assert need.present()


def _forbidden(directory: Path, *names: str) -> Path:
    """A directory of programs that fail the test when they are called."""
    for name in names:
        path = directory / name
        path.write_text("#!/bin/sh\necho called >&2\nexit 1\n", encoding="utf-8")
        path.chmod(0o755)
    return directory
