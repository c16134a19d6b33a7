"""What ``portal login`` keeps: a token for each portal, in a file for its owner alone.

The file is ``$XDG_CONFIG_HOME/registry-portal/client.json`` (``~/.config/…``), mode 0600 in a directory of mode 0700::

    {"current": "https://portal.example.com",
     "portals": {"https://portal.example.com": {"token": "rpt_…", "token_id": "…", "username": "ada", "ca_file": null}}}
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from portal_client.errors import PortalError
from portal_client.words import _


@dataclass
class Kept:
    """One sign-in."""

    token: str
    token_id: str = ""
    username: str = ""
    ca_file: str | None = None


@dataclass
class Store:
    """All sign-ins; ``current`` is the portal that is meant where none is named."""

    path: Path
    current: str = ""
    portals: dict[str, Kept] = field(default_factory=dict)

    def keep(self, server: str, kept: Kept) -> None:
        """Keep a sign-in, and mean this portal from now on."""
        self.portals[server] = kept
        self.current = server
        self._write()

    def forget(self, server: str) -> None:
        """Drop a sign-in."""
        self.portals.pop(server, None)
        if self.current == server:
            self.current = next(iter(self.portals), "")
        self._write()

    def _write(self) -> None:
        """Whole or not at all, and never readable by others in between."""
        kept = {server: asdict(row) for server, row in self.portals.items()}
        text = json.dumps({"current": self.current, "portals": kept}, indent=2) + "\n"
        directory = self.path.parent
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=directory, prefix=".client-")  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(draft).replace(self.path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def store_path() -> Path:
    """Where the file is."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "registry-portal" / "client.json"


def load() -> Store:
    """The sign-ins that are kept; none where there is no file.

    :raises PortalError: the file is not ours to trust: others can read it, or it is broken.
    """
    path = store_path()
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except FileNotFoundError:
        return Store(path)
    except OSError as exc:
        raise PortalError(
            _("Can't read %(path)s: %(reason)s") % {"path": path, "reason": exc.strerror}
        ) from exc
    if mode & 0o077:
        raise PortalError(
            _("Others on this machine can read %(path)s. Run: chmod 600 %(path)s") % {"path": path}
        )
    try:
        found = json.loads(text)
        portals = {server: Kept(**row) for server, row in found["portals"].items()}
        return Store(path, found["current"], portals)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise PortalError(_("%(path)s is broken. Delete it and sign in again.") % {"path": path}) from exc
