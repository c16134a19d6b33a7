"""Reads configuration: environment, ``.env``, ``NAME_FILE`` secrets, and what a running ``make run`` offers.

Nothing here knows a setting's meaning; :mod:`registry_portal.settings` does.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from oci.egress.door import split_url
from oci.errors import OciError
from oci.reference.parser import normalise_registry

#: Of the last ``@`` in an authority, all that stands before it.
_USERINFO = re.compile(r"(?<![^/,;=])[^/,;=]*@")
BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
#: Another file than ``.env``, or none at all (empty): tests and the demo must not meet an operator's settings.
DOTENV = os.environ.get("PORTAL_DOTENV", str(BASE_DIR / ".env"))
if DOTENV:
    environ.Env.read_env(DOTENV)


def secret(name: str, default: str = "") -> str:
    """The value of ``NAME``, or the content of the file that ``NAME_FILE`` names, without its last newline.

    :raises ImproperlyConfigured: the file can't be read.
    """
    path = os.environ.get(f"{name}_FILE", "")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise ImproperlyConfigured(
                f"{name}_FILE names {path}, which can't be read: {exc.strerror}"
            ) from exc
    return str(env.str(name, default=default))


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list without blanks."""
    return [part.strip() for part in env.str(name, default=default).split(",") if part.strip()]


def positive(name: str, default: int, *, least: int = 1) -> int:
    """A whole number of at least ``least``.

    :raises ImproperlyConfigured: it is not.
    """
    value = int(env.int(name, default=default))
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {value}.")
    return value


def services(data_dir: Path) -> dict[str, Any]:
    """Addresses of the embedded services of a ``make run`` that is up with this data directory, else empty."""
    try:
        found = json.loads((data_dir / "services.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def mirrors(text: str) -> dict[str, tuple[str, ...]]:
    """``docker.io=https://a,https://b;ghcr.io=http://c:5000`` as registry to mirror URLs, in order.

    :raises ImproperlyConfigured: an entry has no registry, or something that is no plain http(s) URL.
    """
    result: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        registry, _, urls = entry.partition("=")
        found = tuple(url.strip().rstrip("/") for url in urls.split(",") if url.strip())
        if not registry.strip() or not found:
            raise ImproperlyConfigured(
                f"IMPORT_REGISTRY_MIRRORS: {_without_userinfo(entry)!r} should read "
                "registry=https://mirror[,https://other]."
            )
        for url in found:
            _check_mirror(url)
        result[normalise_registry(registry.strip()).lower()] = found
    return result


def _check_mirror(url: str) -> None:
    shown = _without_userinfo(url)
    if shown != url:
        raise ImproperlyConfigured(
            f"IMPORT_REGISTRY_MIRRORS: {shown!r} has a user name or password in it. Mirrors are asked anonymously; "
            "put one that needs a sign-in behind a proxy that signs in, or import from it by its own name."
        )
    try:
        split_url(url)
    except OciError as exc:
        raise ImproperlyConfigured(f"IMPORT_REGISTRY_MIRRORS: {url!r} can't be a mirror. {exc}") from None


def _without_userinfo(text: str) -> str:
    """Whatever stands before an ``@`` in an authority, taken out: it may be a password."""
    return _USERINFO.sub("", text)


def host_port(url: str, default_port: int) -> tuple[str, int]:
    """Host and port of a URL, with the default port of its service where it names none."""
    parts = urlsplit(url)
    ports = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "postgres": 5432, "postgresql": 5432}
    return (parts.hostname or "", parts.port or ports.get(parts.scheme, default_port))


def sqlite_url(path: Path) -> str:
    """The ``DATABASE_URL`` of an SQLite file."""
    return f"sqlite:///{quote(str(path))}"
