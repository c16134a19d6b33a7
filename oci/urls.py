"""URLs as they come in headers, read strictly.

``urllib.parse`` drops tabs and newlines and takes much that no server should be asked for, so what a registry
sends (Location, realm, Link) is read here: printable ASCII, http or https, no userinfo, a plain host, a sane
port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from oci.limits import URL_CHARS

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ABSOLUTE: Final = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?(/[^?]*)?(\?.*)?",
    re.ASCII | re.IGNORECASE,
)
_WITH_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)
_PRINTABLE: Final = re.compile(r"[!-~]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Url:
    """One absolute URL. ``host`` is lower-case, without brackets and without a trailing dot; ``query`` has no
    ``?``.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"
    query: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """What the request line says."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def whole(self) -> str:
        """What the request line says to a proxy, which fetches for us. It may hold a signature: not for messages."""
        return f"{self.scheme}://{self.authority}{self.target}"

    def with_query(self, extra: str) -> Url:
        """The same with ``extra`` added to its own query."""
        return replace(self, query=f"{self.query}&{extra}" if self.query else extra)

    def __str__(self) -> str:
        """For messages: the query is left out, it may hold a signature."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"


def parse_url(text: str) -> Url:
    """An absolute URL; its fragment is dropped.

    :raises ValueError: it is not one that we would ask.
    """
    text = text.partition("#")[0]
    if len(text) > URL_CHARS or not _PRINTABLE.fullmatch(text) or "\\" in text:
        raise ValueError("not a plain URL")
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        raise ValueError("not an http or https URL")
    scheme, host, port_text, path, query = match.groups()
    scheme = scheme.lower()
    port = int(port_text) if port_text else DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65535:
        raise ValueError("port out of range")
    host = host.strip("[]").lower().removesuffix(".")
    if not host:
        raise ValueError("no host")
    return Url(scheme, host, port, path or "/", (query or "")[1:])


def resolve(base: Url, location: str) -> Url:
    """Where ``location``, seen in an answer from ``base``, leads: absolute, scheme-less, absolute path,
    relative, query.

    :raises ValueError: it is not one that we would ask.
    """
    location = location.strip(" \t").partition("#")[0]
    if len(location) > URL_CHARS or not _PRINTABLE.fullmatch(location) or "\\" in location:
        raise ValueError("not a plain URL")
    if location.startswith("//"):
        return parse_url(f"{base.scheme}:{location}")
    if _WITH_SCHEME.match(location):
        return parse_url(location)
    path, mark, query = location.partition("?")
    if not path:
        path, query = base.path, query if mark else base.query
    elif not path.startswith("/"):
        path = base.path.rpartition("/")[0] + "/" + path
    return Url(base.scheme, base.host, base.port, _without_dots(path) if "/." in path else path, query)


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4."""
    kept: list[str] = []
    parts = path.split("/")[1:]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "..":
            kept = kept[:-1]
            if last:
                kept.append("")
        elif part == ".":
            if last:
                kept.append("")
        else:
            kept.append(part)
    return "/" + "/".join(kept)
