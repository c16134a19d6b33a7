"""A chart's file as an artifact."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import time

import pytest

from oci.charts.package import LAYER_TYPE, BadChartError, chart_of
from oci.spec.digest import digest_of
from oci.spec.media_types import HELM_CONFIG
from tests.support.content.charts import chart_file

CHART = "podinfo/Chart.yaml"
#: A chart's file of one Chart.yaml. Compressed once: another zlib may make other bytes.
TINY = (
    "H4sIAAAAAAACA+3SMQoCMRCF4dQ5RU4QJ7Jusa13sJ9iwYAbJRsX9vaOggj2iuD/NW94zWum5bJu9ketLa46ndwniOm77pHmPUV26XXf+yS9VUHcF1zn"
    "ptXm3X/SSz6Mdc7nMoRl64tO4xCaPYVfnnWKEsU7AAAAAAAAAAAAAAAAAMAvuQGxpZ1RACgAAA=="
)


def test_it_is_what_helm_push_makes_without_its_clock() -> None:
    data = chart_file(
        appVersion="1.10", deprecated=True, home="https://example.com", unknown="left out",
        dependencies=[{"name": "redis", "version": "1.x", "enabled": False}],
    )  # fmt: skip
    made = chart_of(data)
    said = json.loads(made.manifest.body)
    config = made.blobs[said["config"]["digest"]]
    assert said["config"] == {"mediaType": HELM_CONFIG, "digest": digest_of(config), "size": len(config)}
    assert said["layers"] == [{"mediaType": LAYER_TYPE, "digest": digest_of(data), "size": len(data)}]
    assert made.blobs[digest_of(data)] == data
    assert said["annotations"] == {
        "org.opencontainers.image.title": "podinfo",
        "org.opencontainers.image.version": "6.5.0",
        "org.opencontainers.image.description": "The chart podinfo",
        "org.opencontainers.image.url": "https://example.com",
    }
    assert json.loads(config) == {
        "apiVersion": "v2", "name": "podinfo", "version": "6.5.0", "description": "The chart podinfo",
        "appVersion": "1.10", "deprecated": True, "home": "https://example.com",
        "dependencies": [{"name": "redis", "version": "1.x", "enabled": False}],
    }  # fmt: skip


def test_the_same_file_has_the_same_digest_each_time() -> None:
    # Written down, digest and file: what one release has imported, the next recognises.
    assert chart_of(base64.b64decode(TINY)).manifest.digest == (
        "sha256:a687080b853721eb1c3fe370be7e3467c708f9579b470bb96458d4db8ee05467"
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", r"no tar\.gz"),
        (b"<html>", r"no tar\.gz"),
        (gzip.compress(b"x" * 2000, mtime=0), r"no tar\.gz"),
        (chart_file()[:30], r"no tar\.gz"),
        (chart_file(files={}), r"no Chart\.yaml"),
        (chart_file(files={"Chart.yaml": b"name: a\nversion: 1\n"}), r"no Chart\.yaml"),
        (chart_file(files={"a/charts/b/Chart.yaml": b"name: a\nversion: 1\n"}), r"no Chart\.yaml"),
        (chart_file(files={CHART: b"name: podinfo\n"}), "can't be read"),
        (chart_file(files={CHART: b"a: &a [1]\nname: *a\nversion: 1\n"}), "can't be read"),
        (chart_file(files={CHART: b"[]"}), "can't be read"),
        (chart_file(files={CHART: b"#" * (1024 * 1024 + 1)}), "too large"),
    ],
)
def test_what_is_no_chart_is_said_so(data: bytes, why: str) -> None:
    with pytest.raises(BadChartError, match=why):
        chart_of(data)


def test_a_file_that_expands_to_very_much_ends_there() -> None:
    bomb = chart_file(files={"podinfo/a": b"\0" * (70 * 1024 * 1024), CHART: b"name: a\nversion: 1\n"})
    assert len(bomb) < 200_000
    with pytest.raises(BadChartError, match="expands to too much"):
        chart_of(bomb)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("text", [b"1", b"1 GNU.sparse.map=", b"1 hdrcharset="])
def test_no_header_takes_long_to_read(kind: bytes, text: bytes) -> None:
    """The standard library's reader took ten seconds for digits of this length, and four times as many for twice."""
    body = (text * 60_000)[:60_000]
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, len(body)
    data = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-len(body) % 512 + 1024))
    began = time.process_time()
    with pytest.raises(BadChartError):
        chart_of(data)
    assert time.process_time() - began < 2


def test_it_is_found_after_headers_of_every_kind() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as made:
        for name, content in (
            ("a" * 200 + "/é.txt", b"x" * 700),
            ("./podinfo/Chart.yaml", b"name: a\nversion: '1'\n"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), 1.5
            made.addfile(entry, io.BytesIO(content))
    assert json.loads(chart_of(buffer.getvalue()).manifest.body)["annotations"] == {
        "org.opencontainers.image.title": "a",
        "org.opencontainers.image.version": "1",
    }
