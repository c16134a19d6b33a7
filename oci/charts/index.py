"""``index.yaml`` of a Helm repository: which versions of one chart it has, and where."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import yaml

from oci.charts.documents import Body, Events
from oci.limits import CHART_VERSIONS, URL_CHARS
from oci.reference.grammar import tag_of, valid_tag
from oci.registry.moments import of_iso

_SHA256_CHARS: Final = 64
_KNOWN: Final = ("version", "digest", "urls", "created")


@dataclass(frozen=True, slots=True)
class ChartVersion:
    """``digest``: of the chart's file, ``sha256:…``; empty where the index does not say, as ``created``."""

    version: str
    url: str
    digest: str
    created: dt.datetime | None = None

    @property
    def tag(self) -> str:
        """The tag of this version."""
        return tag_of(self.version)


def read_index(body: Body | bytes, chart: str) -> dict[str, ChartVersion] | None:
    """The versions of one chart by their tags, in the order of the index; nothing of the others is kept.

    :return: None: the index doesn't name the chart.
    :raises yaml.YAMLError: it can't be read.
    """
    events = Events(body)
    found: dict[str, ChartVersion] | None = None
    for section, value in events.entries(events.next()):
        if section != "entries":
            events.skip(value)
            continue
        for name, versions in events.entries(value):
            if name != chart or found is not None:
                events.skip(versions)
            else:
                found = _versions(events, versions)
    return found


def _versions(events: Events, value: yaml.Event) -> dict[str, ChartVersion]:
    found: dict[str, ChartVersion] = {}
    for item in events.items(value):
        fields: dict[str, Any] = {}
        for key, first in events.entries(item):
            if key in _KNOWN:
                fields[key] = events.value(first)
            else:
                events.skip(first)
        version = _version(fields)
        if version is not None and len(found) < CHART_VERSIONS:
            found.setdefault(version.tag, version)
    return found


def _version(fields: dict[str, Any]) -> ChartVersion | None:
    """None for what could be neither named nor fetched."""
    version, urls, digest = (fields.get(name) for name in ("version", "urls", "digest"))
    url = urls[0] if isinstance(urls, list) and urls else None
    if not isinstance(version, str) or not valid_tag(tag_of(version)):
        return None
    if not isinstance(url, str) or not 0 < len(url) <= URL_CHARS:
        return None
    text = digest.removeprefix("sha256:").lower() if isinstance(digest, str) else ""
    is_digest = len(text) == _SHA256_CHARS and all(char in "0123456789abcdef" for char in text)
    return ChartVersion(version, url, f"sha256:{text}" if is_digest else "", of_iso(fields.get("created")))
