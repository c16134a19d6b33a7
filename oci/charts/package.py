"""A chart's file as an OCI artifact, as ``helm push`` would make it; the same bytes give the same digest each time.

Media types and annotations: https://helm.sh/docs/topics/registries/. What Helm takes from the clock (the moment of the
push) is left out.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from oci.charts.documents import Events
from oci.contents.layer_tar import read_entries
from oci.errors import OciError
from oci.limits import BUFFER_BYTES, CHART_EXPANDED_BYTES, MIB
from oci.spec.digest import digest_of
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.media_types import HELM_CONFIG, OCI_MANIFEST

LAYER_TYPE: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_CHART_FILE: Final = "Chart.yaml"
#: What Helm knows of a chart, as its ``Metadata`` has it.
_KEYS: Final = (
    "name", "home", "sources", "version", "description", "keywords", "maintainers", "icon", "apiVersion", "condition",
    "tags", "appVersion", "deprecated", "annotations", "kubeVersion", "dependencies", "type",
)  # fmt: skip
_ANNOTATIONS: Final = {"name": "title", "version": "version", "description": "description", "home": "url"}
_ANNOTATION_CHARS: Final = 4096


class BadChartError(Exception):
    """A file that is no chart; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Chart:
    """``blobs``: configuration and file, by digest."""

    manifest: Manifest
    blobs: dict[str, bytes]


def chart_of(data: bytes) -> Chart:
    """The chart in a packed file.

    :raises BadChartError: the file is no chart.
    """
    metadata = _metadata(_chart_file(data))
    config = _json(metadata)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(HELM_CONFIG, config),
        "layers": [_descriptor(LAYER_TYPE, data)],
        "annotations": {
            f"org.opencontainers.image.{name}": metadata[key]
            for key, name in _ANNOTATIONS.items()
            if isinstance(metadata.get(key), str) and len(metadata[key]) <= _ANNOTATION_CHARS
        },
    }
    manifest = parse_manifest(_json(document), OCI_MANIFEST, expected_digest=None)
    return Chart(manifest, {digest_of(config): config, digest_of(data): data})


def _chart_file(data: bytes) -> bytes:
    """``<name>/Chart.yaml``; those of subcharts are deeper.

    Not by :mod:`tarfile`: before Python 3.11.10 and 3.12.6 a header of digits kept its expressions, and with them the
    whole process, busy for hours (CVE-2024-6232).
    """
    try:
        for entry in read_entries(_expanded(data)):
            folder, _, name = entry.path.rpartition("/")
            if name != _CHART_FILE or not folder or "/" in folder or entry.type != "file" or entry.offset < 0:
                continue
            if entry.size > MIB:
                raise BadChartError(f"its {_CHART_FILE} is too large")
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                file.seek(entry.offset)
                return file.read(entry.size)
    except (OciError, OSError, EOFError, zlib.error):
        raise BadChartError("it is no tar.gz file that can be read") from None
    raise BadChartError(f"it has no {_CHART_FILE}")


def _expanded(data: bytes) -> Iterator[bytes]:
    """What a compressed file expands to, up to a limit."""
    if not data:
        raise EOFError
    left = CHART_EXPANDED_BYTES
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while piece := file.read(BUFFER_BYTES):
            left -= len(piece)
            if left < 0:
                raise BadChartError("it expands to too much")
            yield piece


def _metadata(text: bytes) -> dict[str, Any]:
    try:
        events = Events(text)
        found = events.value(events.next())
    except (yaml.YAMLError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found.get("name") or not found.get("version"):
        raise BadChartError(f"its {_CHART_FILE} can't be read")
    known = {key: found[key] for key in _KEYS if key in found}
    _judge(known, "deprecated")
    for each in known.get("dependencies") or ():
        if isinstance(each, dict):
            _judge(each, "enabled")
    return known


def _judge(row: dict[str, Any], key: str) -> None:
    """A text to yes or no."""
    if key in row:
        row[key] = str(row[key]).lower() == "true"


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
