"""Which portal a command asks, by which token: options, then variables, then what ``portal login`` kept."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from portal_client import store
from portal_client.api import Api
from portal_client.errors import PortalError
from portal_client.output import Output
from portal_client.words import _

#: An address is typed with what a browser shows behind the host.
_API: Final = "/api/v1"


@dataclass
class Session:
    """The options that every command has."""

    server: str = ""
    token: str = ""
    ca_file: str = ""
    out: Output = field(default_factory=Output)

    def api(self) -> Api:
        """The portal, ready to be asked.

        :raises PortalError: no portal is named, or no one has signed in.
        """
        kept = store.load()
        server = normal_server(self.server or os.environ.get("PORTAL_URL") or kept.current)
        if not server:
            raise PortalError(
                _("No portal is set. Sign in with portal login URL, or set PORTAL_URL."), "no_server"
            )
        known = kept.portals.get(server)
        token = self.token or _from_environment() or (known.token if known else "")
        if not token:
            raise PortalError(
                _("You are not signed in to %(url)s. Run: portal login %(url)s") % {"url": server}, "no_token"
            )
        return Api(server, token, ca_file=self.authorities(known))

    def authorities(self, known: store.Kept | None = None) -> Path | None:
        """The file of certificate authorities to trust besides the system's."""
        named = self.ca_file or os.environ.get("PORTAL_CA_FILE") or (known.ca_file if known else None)
        return Path(named) if named else None


def current() -> Session:
    """The session of the command that runs."""
    return click.get_current_context().ensure_object(Session)


def normal_server(text: str) -> str:
    """``https://host[:port][/path]`` without a slash at the end, from what people type; empty stays empty.

    :raises PortalError: it is no address, or holds a password.
    """
    if not text:
        return ""
    typed = text.strip().rstrip("/").removesuffix(_API)
    try:
        parts = urlsplit(typed if "://" in typed else f"https://{typed}")
        is_one = (
            parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:  # Brackets, or no number for a port: what is refused depends on Python's release.
        is_one = False
    if not is_one or "@" in parts.netloc or parts.query or parts.fragment:
        raise PortalError(_("%(url)s is not an address of a portal.") % {"url": text.rpartition("@")[2]})
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


def is_in_clear(server: str) -> bool:
    """Whether a token crosses a network that others can read."""
    parts = urlsplit(server)
    name = parts.hostname or ""
    if parts.scheme == "https" or name == "localhost":
        return False
    try:
        return not ipaddress.ip_address(name).is_loopback
    except ValueError:
        return True


def _from_environment() -> str:
    """PORTAL_TOKEN, or the first line of the file that PORTAL_TOKEN_FILE names."""
    if token := os.environ.get("PORTAL_TOKEN"):
        return token.strip()
    named = os.environ.get("PORTAL_TOKEN_FILE")
    return read_line(Path(named)) if named else ""


def read_line(path: Path) -> str:
    """The first line of a file that holds a secret.

    :raises PortalError: it can't be read, or is empty.
    """
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline().rstrip("\r\n")
    except OSError as exc:
        raise PortalError(
            _("Can't read %(path)s: %(reason)s") % {"path": path, "reason": exc.strerror}
        ) from exc
    if not line:
        raise PortalError(_("%(path)s is empty.") % {"path": path})
    return line
