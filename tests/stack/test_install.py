"""`make install` on machines that miss something."""

from __future__ import annotations

import gettext
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stack.install.catalogues import compile_catalogues
from stack.install.system import NEEDS_TO_RUN, InstallError, Need, install_system_packages
from stack.install.venv import LOCKS, install_locked
from stack.paths import ROOT


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


def test_the_catalogues_are_compiled_from_their_sources(tmp_path: Path) -> None:
    messages = tmp_path / "locale" / "zh_Hans" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    source = messages / "django.po"
    shutil.copy(ROOT / "locale/zh_Hans/LC_MESSAGES/django.po", source)
    compile_catalogues(tmp_path)
    first = (messages / "django.mo").read_bytes()
    with (messages / "django.mo").open("rb") as compiled:
        assert gettext.GNUTranslations(compiled).gettext("Retry") == "重试"
    source.write_text(source.read_text(encoding="utf-8").replace("重试", "再试"), encoding="utf-8")
    os.utime(source, (2**31, 2**31))
    compile_catalogues(tmp_path)
    assert (messages / "django.mo").read_bytes() != first


def test_a_configured_service_is_not_needed_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    need = next(need for need in NEEDS_TO_RUN if "Redis" in need.what)
    monkeypatch.setattr("stack.install.system.search_path", lambda: str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv("REDIS_URL_FILE", raising=False)
    assert not need.present()
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:6379/0")
    assert need.present()


def test_an_installed_environment_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    install_locked(ROOT, "test")
    assert capfd.readouterr().out == ""


def test_a_broken_environment_is_made_anew(tmp_path: Path) -> None:
    for lock in LOCKS.values():
        (tmp_path / lock).write_text("", encoding="utf-8")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("not a program", encoding="utf-8")
    install_locked(tmp_path, "run")
    subprocess.run([tmp_path / ".venv" / "bin" / "python", "-c", "import pip"], check=True)


def test_an_old_python_is_told_what_is_needed() -> None:
    source = (ROOT / "stack" / "install" / "__main__.py").read_text(encoding="utf-8")
    assert source.index("sys.version_info") < source.index("import fcntl")
    for old in _older_pythons():
        done = subprocess.run(
            [old, "-m", "stack.install"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "needs Python 3.11" in done.stderr


def _older_pythons() -> list[str]:
    """Those of this machine that run."""
    names = [f"python3.{minor}" for minor in (7, 8, 9, 10)]
    elsewhere = map(str, Path.home().glob(".pyenv/versions/3.[6-9]*/bin/python3"))
    found = [*filter(None, map(shutil.which, names)), *elsewhere]
    runs = [
        subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0 for path in found
    ]
    return [path for path, good in zip(found, runs, strict=True) if good]


def _forbidden(directory: Path, *names: str) -> Path:
    """A directory of programs that fail the test when they are called."""
    for name in names:
        path = directory / name
        path.write_text("#!/bin/sh\necho called >&2\nexit 1\n", encoding="utf-8")
        path.chmod(0o755)
    return directory
