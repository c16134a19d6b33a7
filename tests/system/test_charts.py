"""A chart from a web server's folder to what pulls it from the registry: skopeo and tar, as Helm does it."""

from __future__ import annotations

import json
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from testbed.portal import ADMIN, PortalProcess
from tests.support.content.charts import chart_file, metadata


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """``host:port`` of a web server, and the folder that it serves."""
    served = tmp_path / "served"
    (served / "stable").mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", served / "stable"
        server.shutdown()


def test_a_chart_is_pulled_as_helm_pulls_it(
    portal: PortalProcess, folder: tuple[str, Path], tmp_path: Path
) -> None:
    host, served = folder
    data = chart_file("podinfo", "6.5.0")
    (served / "podinfo-6.5.0.tgz").write_bytes(data)
    entry = metadata("podinfo", "6.5.0") | {"urls": [f"http://{host}/stable/podinfo-6.5.0.tgz"]}
    (served / "index.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "entries": {"podinfo": [entry]}}))
    project = portal.project("charts")
    assert portal.call("PATCH", f"/projects/{project}", {"platforms": ["linux/amd64"]}).status_code == 200
    task = portal.run_import(project, f"helm+https://{host}/stable/podinfo:6.5.0")
    assert task["status"] == "success", task
    assert task["target_image"] == f"{portal.registry_host}/charts/podinfo:6.5.0"

    creds = f"--src-creds={ADMIN}:{portal.token}"
    pulled = subprocess.run(
        ["skopeo", "copy", "--src-tls-verify=false", creds, f"docker://{task['target_image']}", f"dir:{tmp_path}/dir"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert pulled.returncode == 0, pulled.stderr
    manifest = json.loads((tmp_path / "dir" / "manifest.json").read_text())
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    chart = tmp_path / "dir" / layer["digest"].partition(":")[2]
    assert chart.read_bytes() == data
    with tarfile.open(chart) as archive:
        assert "podinfo/Chart.yaml" in archive.getnames()
    config = json.loads((tmp_path / "dir" / manifest["config"]["digest"].partition(":")[2]).read_text())
    assert (config["name"], config["version"]) == ("podinfo", "6.5.0")
    row = portal.call("GET", f"/projects/{project}/images?search=podinfo").json()["results"][0]
    assert (row["digest"], row["tag"]) == (task["digest"], "6.5.0")
