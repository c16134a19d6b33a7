"""Debian packages that are missing, and how to get them without starting Debian's services."""

from __future__ import annotations

import contextlib
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
#: Asked by Debian's maintainer scripts; 101 means: do not start or restart any service now.
POLICY_TEXT = "#!/bin/sh\n# Registry Portal installs packages without starting their services.\nexit 101\n"


class InstallError(Exception):
    """Something is missing and cannot be installed from here; the text says what to do."""


def on_path(*names: str) -> Callable[[], bool]:
    """A check: one of these programs is there."""
    return lambda: any(shutil.which(name, path=search_path()) for name in names)


def search_path() -> str:
    """PATH and the places that a plain user's PATH leaves out."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def _has_venv() -> bool:
    return importlib.util.find_spec("ensurepip") is not None and importlib.util.find_spec("venv") is not None


def _has_cjk_font() -> bool:
    return bool(glob.glob("/usr/share/fonts/**/*CJK*", recursive=True))


def _has_certificates() -> bool:
    return Path("/etc/ssl/certs/ca-certificates.crt").exists()


@dataclass(frozen=True)
class Need:
    """What must be there, how to see that it is, and the packages that bring it: those of them that the release has."""

    what: str
    present: Callable[[], bool]
    packages: Sequence[str]
    #: A stand-in that serves when no package does (then the package is not insisted on).
    instead: Callable[[], bool] = lambda: False


_docker = on_path("docker")


def _configured(name: str) -> Callable[[], bool]:
    """A check: the operator named one of their own, in the environment or in ``.env``."""
    wanted = re.compile(rf"^\s*(export\s+)?{name}(_FILE)?\s*=\s*\S", re.MULTILINE)

    def present() -> bool:
        dotenv = Path(__file__).resolve().parent.parent.parent / ".env"
        written = dotenv.read_text(encoding="utf-8") if dotenv.is_file() else ""
        return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE") or wanted.search(written))

    return present


NEEDS_TO_RUN = (
    Need("Python's venv module", _has_venv, ["python3-venv"]),
    Need("certificates of public authorities", _has_certificates, ["ca-certificates"]),
    Need("gettext (translations)", on_path("msgfmt"), ["gettext"]),
    Need("setpriv", on_path("setpriv"), ["util-linux"]),
    Need(
        "a Redis server",
        lambda: _configured("REDIS_URL")() or on_path("redis-server", "valkey-server")(),
        ["redis-server"],
        _docker,
    ),
    Need(
        "the CNCF Distribution registry",
        lambda: _configured("REGISTRY_URL")() or on_path("docker-registry", "registry")(),
        ["docker-registry"],
        _docker,
    ),
    # Without it everything but first pull works, and the portal says so.
    Need(
        "nginx",
        lambda: _configured("REGISTRY_URL")() or on_path("nginx")(),
        ["nginx"],
        lambda: True,
    ),
)
NEEDS_TO_TEST = (
    Need("a Redis server", on_path("redis-server", "valkey-server"), ["redis-server"]),
    Need("the CNCF Distribution registry", on_path("docker-registry", "registry"), ["docker-registry"]),
    Need("PostgreSQL", lambda: bool(glob.glob("/usr/lib/postgresql/*/bin/postgres")), ["postgresql"]),
    Need("Docker Engine", on_path("dockerd"), ["docker.io"]),
    # One package with the client until Debian 12, two from Debian 13 on.
    Need("the Docker client", _docker, ["docker-cli", "docker.io"]),
    Need("nginx", on_path("nginx"), ["nginx"]),
    Need("skopeo", on_path("skopeo"), ["skopeo"]),
    Need("umoci", on_path("umoci"), ["umoci"]),
    Need("Podman", on_path("podman"), ["podman"]),
    Need("curl (the guides' examples)", on_path("curl"), ["curl"]),
    Need("Chromium", on_path("chromium", "chromium-browser", "google-chrome"), ["chromium"]),
    Need("Chinese fonts", _has_cjk_font, ["fonts-noto-cjk"]),
    Need("ip (network namespaces)", on_path("ip"), ["iproute2"]),
    Need("git", on_path("git"), ["git"]),
    Need("tinyproxy", on_path("tinyproxy"), ["tinyproxy-bin"]),
    Need("squid", on_path("squid"), ["squid"]),
    Need("microsocks", on_path("microsocks"), ["microsocks"]),
    Need("OpenLDAP's server", on_path("slapd"), ["slapd"]),
    Need("OpenLDAP's clients", on_path("ldapsearch"), ["ldap-utils"]),
)
NEEDS_TO_COMPOSE = (
    Need("Docker Compose", on_path("docker-compose"), ["docker-compose"]),
    Need("debootstrap", on_path("debootstrap"), ["debootstrap"]),
)


def install_system_packages(profile: str) -> None:
    """Install what this profile misses.

    :raises InstallError: something is missing and there is no way to install it.
    """
    needs: tuple[Need, ...] = NEEDS_TO_RUN
    if profile in {"test", "compose"}:
        needs += NEEDS_TO_TEST
    if profile == "compose":
        needs += NEEDS_TO_COMPOSE
    missing = [need for need in needs if not need.present()]
    if not missing:
        return
    wanted = sorted({package for need in missing for package in need.packages})
    problem = _apt_install(wanted)
    still = [need for need in missing if not need.present() and not need.instead()]
    if still:
        raise InstallError(_sentence(still, problem))


def _sentence(missing: Sequence[Need], problem: str) -> str:
    names = ", ".join(need.what for need in missing)
    packages = " ".join(package for need in missing for package in need.packages)
    lines = [f"{names} is missing{f', and {problem}' if problem else ''}."]
    lines.append(f"Install it yourself, on Debian or Ubuntu with: apt-get install {packages}")
    if any("Redis" in need.what for need in missing):
        lines.append("Or name a Redis that is already there: REDIS_URL=redis://host:6379/0 make run")
    if any("registry" in need.what for need in missing):
        lines.append("Or name a registry that is already there: REGISTRY_URL=http://host:5000 make run")
    return "\n".join(lines)


def _apt_install(packages: Sequence[str]) -> str:
    """Try; the reason in words where it did not work, else empty."""
    if not shutil.which("apt-get"):
        return "this machine has no apt-get"
    prefix = _as_root()
    if prefix is None:
        return "this user is not root and there is no sudo"
    print(f"Installing Debian packages: {' '.join(packages)}", flush=True)
    with _services_stay_down(prefix):
        _apt(
            prefix, ["update", "-q"]
        )  # a mirror that is partly stale still serves; the install itself decides
        packages = [package for package in packages if _is_offered(package)] or packages
        if _apt(prefix, ["install", "-y", "-q", "--no-install-recommends", *packages]):
            return ""
        # One package without a candidate fails them all: then each on its own.
        failed = [
            p for p in packages if not _apt(prefix, ["install", "-y", "-q", "--no-install-recommends", p])
        ]
    return f"apt-get could not install {' '.join(failed)}" if failed else ""


def _is_offered(package: str) -> bool:
    """Whether this release has the package: names differ from one to the next."""
    asked = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
    return asked.returncode == 0


def _as_root() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    return ["sudo"] if shutil.which("sudo") else None


def _apt(prefix: Sequence[str], arguments: Sequence[str]) -> bool:
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1"]
    command = [*prefix, *environment, "apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    return subprocess.run(command, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False).returncode == 0


@contextlib.contextmanager
def _services_stay_down(prefix: Sequence[str]) -> Iterator[None]:
    """Debian starts a service when its package arrives; ours start their own, on their own ports, or not at all."""
    if POLICY.exists():  # the machine's own policy is not ours to change
        yield
        return
    script = f"printf '%s' \"$1\" > {POLICY} && chmod 755 {POLICY}"
    subprocess.run([*prefix, "sh", "-c", script, "sh", POLICY_TEXT], check=False)
    try:
        yield
    finally:
        subprocess.run([*prefix, "rm", "-f", str(POLICY)], check=False)
