"""Reports of vulnerability scanners (goharbor/pluggable-scanner-spec 1.1 and 1.2, ``HarborVulnerabilityReport``)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from sys import getsizeof
from typing import Any, Final

from oci.contents.json_items import Path, read_items
from oci.errors import OciError, gettext_noop
from oci.limits import REPORT_COST, REPORT_VULNERABILITIES
from oci.spec.strict_json import BadJsonError

#: What a scanner may say, the mildest first. What it can't tell is ``unknown``, below all that it can.
SEVERITIES: Final = ("unknown", "negligible", "low", "medium", "high", "critical")
_RANK: Final = {name: rank for rank, name in enumerate(SEVERITIES)}
_LIST: Final[Path] = ("vulnerabilities",)
#: A report that is as short as this is looked at as a whole: one without findings may say null for the list.
_SHORT_BYTES: Final = 64 * 1024
#: Of one text; names of packages and versions have some ten characters.
_CHARS: Final = 200

_NO_REPORT: Final = gettext_noop("The scanner's report can't be read: it has no list of vulnerabilities.")
_BAD_ENTRY: Final = gettext_noop("The scanner's report can't be read: an entry has no name or severity.")
_MANY: Final = gettext_noop("The scanner's report has more than %(limit)d vulnerabilities.")
_LONG: Final = gettext_noop("The vulnerabilities in the scanner's report take up more than %(limit)d bytes.")


@dataclass(slots=True)
class Vulnerability:
    """One vulnerability of one package. ``fixed_in`` and ``link`` are empty where none is known.

    :param platforms: of the images it was found in.
    """

    id: str
    package: str
    version: str
    fixed_in: str
    severity: str
    link: str
    platforms: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        return self.id, self.package, self.version

    @property
    def cost(self) -> int:
        """Bytes of memory that its texts take: one character beyond ASCII makes all of a text wider."""
        texts = (self.id, self.package, self.version, self.fixed_in, self.severity, self.link)
        return sum(map(getsizeof, texts)) + getsizeof(self.platforms)


class Findings:
    """What was found in an image, each vulnerability of a package once, whatever platforms have it.

    :raises OciError: ``limit_exceeded``.
    """

    def __init__(self, found: Iterable[Vulnerability] = ()) -> None:
        self._found: dict[tuple[str, str, str], Vulnerability] = {}
        #: Bytes of memory.
        self._cost = 0
        for each in found:
            self.add(each)

    def add(self, each: Vulnerability) -> None:
        """Keep one more of what was found.

        :raises OciError: ``limit_exceeded``.
        """
        known = self._found.setdefault(each.key, each)
        if known is not each:
            self._cost -= known.cost
            known.platforms = tuple(dict.fromkeys((*known.platforms, *each.platforms)))
            known.severity = worse(known.severity, each.severity)
        elif len(self._found) > REPORT_VULNERABILITIES:
            raise OciError("limit_exceeded", _MANY, limit=REPORT_VULNERABILITIES)
        self._cost += known.cost
        if self._cost > REPORT_COST:
            raise OciError("limit_exceeded", _LONG, limit=REPORT_COST)

    def counts(self) -> dict[str, int]:
        """How many of each severity."""
        found = Counter(each.severity for each in self._found.values())
        return {name: found[name] for name in SEVERITIES}

    def rows(self) -> list[Vulnerability]:
        """The worst first, then by name."""
        return sorted(self._found.values(), key=lambda each: (-_RANK[each.severity], *each.key))


def worse(one: str, other: str) -> str:
    """The worse of two severities."""
    return max(one, other, key=_RANK.__getitem__)


def exceeds(severity: str, most: str) -> bool:
    """Whether a severity is worse than ``most``."""
    return _RANK[severity] > _RANK[most]


def worst(counts: dict[str, int]) -> str:
    """The worst severity that there is; empty where there is none."""
    return next((name for name in reversed(SEVERITIES) if counts.get(name)), "")


def read_report(chunks: Iterable[bytes], platform: str) -> Iterator[Vulnerability]:
    """The entries of a report, one at a time: a report has some ten megabytes.

    :param platform: of the image that was scanned; may be empty.
    :raises OciError: ``protocol_error`` or ``limit_exceeded``: it can't be read, and so says nothing of the image.
    """
    seen = _Seen(chunks)
    met: set[Path] = set()
    try:
        for _, entry in read_items(seen.chunks(), [_LIST], met, only_objects=True):
            yield _entry(entry, platform)
    except BadJsonError as bad:
        raise OciError("limit_exceeded" if bad.too_large else "protocol_error", bad.template) from None
    if _LIST not in met and not seen.says_none():
        raise OciError("protocol_error", _NO_REPORT)


class _Seen:
    """The text as it passes, while it is short."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._text = b""

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if len(self._text) <= _SHORT_BYTES:
                self._text += chunk
            yield chunk

    def says_none(self) -> bool:
        """The list is there, and null."""
        if len(self._text) > _SHORT_BYTES:
            return False
        try:
            document = json.loads(self._text)
        except (ValueError, RecursionError):
            return False
        return isinstance(document, dict) and document.get("vulnerabilities", ...) is None


def _entry(entry: Any, platform: str) -> Vulnerability:
    name, severity = _text(entry.get("id")), _text(entry.get("severity")).lower()
    # Harbor's own scale begins with it, its specification does not name it.
    severity = "negligible" if severity == "none" else severity
    if not name or severity not in _RANK:
        raise OciError("protocol_error", _BAD_ENTRY)
    links = entry.get("links")
    first = _text(links[0]) if isinstance(links, list) and links else ""
    return Vulnerability(
        name,
        _text(entry.get("package")),
        _text(entry.get("version")),
        _text(entry.get("fix_version")),
        severity,
        first if first.startswith(("https://", "http://")) else "",
        (platform,) if platform else (),
    )


def _text(value: Any) -> str:
    """A stranger's text, without what no answer or database holds."""
    if not isinstance(value, str):
        return ""
    return value[:_CHARS].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
