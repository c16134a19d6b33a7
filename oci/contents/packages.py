"""Packages as SBOMs list them: SPDX 2 and CycloneDX, both as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

#: Entries that stand for the image itself or for what it holds besides packages.
_NO_PACKAGES: Final = frozenset(
    {"operating-system", "file", "container", "OPERATING-SYSTEM", "CONTAINER", "FILE"}
)
_DOCUMENT_ROOT: Final = "SPDXRef-DocumentRoot"
_NO_VALUE: Final = frozenset({"", "NOASSERTION", "NONE"})
_PURL_TYPE: Final = re.compile(r"pkg:/*([A-Za-z][A-Za-z0-9.+-]*)/", re.ASCII)
#: Components within components.
_DEPTH: Final = 8
#: Of one text of a package; names and purls have some hundred characters.
_TEXT_CHARS: Final = 2000
_LICENCES: Final = 50


@dataclass(frozen=True, slots=True)
class Package:
    """One package that an SBOM lists.

    :param type: of its purl (``deb``, ``apk``, ``npm``, ``pypi``), else what the SBOM calls it.
    """

    name: str
    version: str
    type: str
    purl: str
    licences: tuple[str, ...] = ()


def from_spdx(entry: Any) -> Iterator[Package]:
    """One element of ``packages`` (SPDX 2.3, 7); none where it stands for the image itself."""
    if not isinstance(entry, dict):
        return
    if _text(entry, "primaryPackagePurpose") in _NO_PACKAGES:
        return
    if _text(entry, "SPDXID").startswith(_DOCUMENT_ROOT):
        return
    name = _text(entry, "name")
    if not name:
        return
    named = [_text(entry, "licenseConcluded"), _text(entry, "licenseDeclared")]
    licences = tuple(dict.fromkeys(each for each in named if each not in _NO_VALUE))
    yield _package(entry, name, "versionInfo", _spdx_purl(entry), licences, kind="")


def from_cyclonedx(entry: Any, depth: int = 0) -> Iterator[Package]:
    """One element of ``components`` (CycloneDX 1.x) and those within it."""
    if not isinstance(entry, dict) or depth > _DEPTH:
        return
    kind, name = _text(entry, "type"), _text(entry, "name")
    if name and kind not in _NO_PACKAGES:
        group, purl = _text(entry, "group"), _text(entry, "purl")
        # A scope or a path belongs to the name; Maven's group does not.
        full = f"{group}/{name}" if group and not purl.startswith("pkg:maven/") else name
        yield _package(entry, full, "version", purl, _cyclonedx_licences(entry), kind=kind)
    inner = entry.get("components")
    for each in inner if isinstance(inner, list) else ():
        yield from from_cyclonedx(each, depth + 1)


def _package(
    entry: Mapping[str, Any], name: str, version_key: str, purl: str, licences: tuple[str, ...], *, kind: str
) -> Package:
    match = _PURL_TYPE.match(purl)
    return Package(name, _text(entry, version_key), match[1].lower() if match else kind, purl, licences)


def _spdx_purl(entry: Mapping[str, Any]) -> str:
    references = entry.get("externalRefs")
    for each in references if isinstance(references, list) else ():
        if isinstance(each, dict) and each.get("referenceType") == "purl":
            return _text(each, "referenceLocator")
    return ""


def _cyclonedx_licences(entry: Mapping[str, Any]) -> tuple[str, ...]:
    listed = entry.get("licenses")
    found: dict[str, None] = {}
    for each in (listed if isinstance(listed, list) else [])[:_LICENCES]:
        if not isinstance(each, dict):
            continue
        licence = each.get("license")
        text = _text(each, "expression")
        if isinstance(licence, dict):
            text = _text(licence, "id") or _text(licence, "name")
        if text not in _NO_VALUE:
            found[text] = None
    return tuple(found)


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        return ""
    # Half of a surrogate pair is no text that an answer can hold; nor is NUL one that a database can.
    return value[:_TEXT_CHARS].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
