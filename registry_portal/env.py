"""Reads configuration: environment, ``.env``, ``NAME_FILE`` secrets, and what a running ``make run`` offers.

Nothing here knows a setting's meaning; :mod:`registry_portal.settings` does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
#: Another file than ``.env``, or none at all (empty): tests and the demo must not meet an operator's settings.
DOTENV = os.environ.get("PORTAL_DOTENV", str(BASE_DIR / ".env"))
if DOTENV:
    environ.Env.read_env(DOTENV)


def secret(name: str, default: str = "") -> str:
    """The value of ``NAME``, or the content of the file that ``NAME_FILE`` names, without its last newline.

    Not by django-environ, whose ``FileAwareEnv`` reads such files, too: a password that begins with ``$`` is another
    variable's name to it.

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
    return os.environ.get(name, default)


def secret_url(name: str, default: str = "") -> str:
    """A :func:`secret` that is a URL.

    :raises ImproperlyConfigured: user name or password have a mark that divides a URL. What readers make of it
        depends on their release, and their errors repeat a piece of the password.
    """
    text = secret(name, default)
    scheme, _, authority = text.partition("://")
    for mark in "/?#":
        authority = authority.partition(mark)[0]
    account, _, places = authority.rpartition("@")
    ports = [each.rpartition("]")[2].partition(":")[2] for each in places.split(",")]
    if scheme != "sqlite" and (
        "[" in account or "]" in account or any(port and not port.isdecimal() for port in ports)
    ):
        raise ImproperlyConfigured(
            f"{name} can't be read. In its user name and password, write / as %2F, ? as %3F, # as %23, [ as %5B "
            "and ] as %5D; a port is a number."
        )
    return text


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list without blanks."""
    return [part.strip() for part in env.str(name, default=default).split(",") if part.strip()]


def read(name: str, reader: Callable[[str], T], text: str) -> T:
    """What a variable's text means to its reader.

    :raises ImproperlyConfigured: the reader takes it for wrong (``ValueError``).
    """
    try:
        return reader(text)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name} can't be read: {exc}.") from exc


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


def first_pull_missing(found: dict[str, Any], *, embedded: bool, auth: str) -> str:
    """Why nothing asks the portal for what the registry lacks, as a word that pages have a sentence for; empty: a front
    does.

    :param found: the embedded services (:func:`services`).
    """
    if embedded:
        return str(found.get("first_pull_missing", "no_front"))
    if auth != "token":
        return "registry_auth"
    return "" if env.bool("FIRST_PULL_FRONT", default=False) else "no_front"


def host_port(url: str, default_port: int) -> tuple[str, int]:
    """Host and port of a URL, with the default port of its service where it names none."""
    parts = urlsplit(url)
    ports = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "postgres": 5432, "postgresql": 5432}
    return (parts.hostname or "", parts.port or ports.get(parts.scheme, default_port))


def sqlite_url(path: Path) -> str:
    """The ``DATABASE_URL`` of an SQLite file."""
    return f"sqlite:///{quote(str(path))}"


def database(data_dir: Path) -> dict[str, Any]:
    """What ``DATABASE_URL`` says, else an SQLite file in the data directory."""
    found: dict[str, Any] = env.db_url_config(
        secret_url("DATABASE_URL") or sqlite_url(data_dir / "portal.sqlite3")
    )
    return found


def mail(url: str) -> dict[str, Any]:
    """Django's settings of the mail server at ``url``; none where it is empty. What sends by SMTP ends in time."""
    found: dict[str, Any] = env.email_url_config(url) if url else {}
    if found.get("EMAIL_BACKEND") == "django.core.mail.backends.smtp.EmailBackend":
        found["EMAIL_BACKEND"] = "imageimport.webhooks.smtp.Backend"
    return found
