"""Helm repositories of the tests' own: charts as ``helm package`` makes them, an index as ``helm repo index`` does."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import ssl
import tarfile

import yaml

from testbed.scripted_auth import basic_header, unauthorized
from testbed.scripted_http import Reply, Request, ScriptedServer


def metadata(name: str, version: str, **more: object) -> dict[str, object]:
    """What ``Chart.yaml`` says; a value of None is left out."""
    said = {"apiVersion": "v2", "name": name, "version": version, "description": f"The chart {name}", **more}
    return {key: value for key, value in said.items() if value is not None}


def chart_file(
    name: str = "podinfo", version: str = "6.5.0", *, files: object = None, **more: object
) -> bytes:
    """A chart's file. The same arguments give the same bytes.

    :param files: members by path instead of those of a chart.
    """
    found = (
        files
        if isinstance(files, dict)
        else {
            f"{name}/Chart.yaml": yaml.safe_dump(metadata(name, version, **more)).encode(),
            f"{name}/values.yaml": b"replicaCount: 1\n",
            f"{name}/templates/service.yaml": b"kind: Service\n",
            f"{name}/charts/redis/Chart.yaml": b"name: redis\nversion: 1.0.0\n",
        }
    )
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path, content in found.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


class ChartServer(ScriptedServer):
    """A repository of charts under ``/charts``.

    :param account: name and password that everything needs; none: it is open.
    """

    def __init__(self, *, account: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.account = account
        self.files: dict[str, bytes] = {}
        self.entries: dict[str, list[dict[str, object]]] = {}
        #: Instead of the index that the entries make.
        self.index: bytes | None = None

    @property
    def image(self) -> str:
        """How an import names a chart here, without its name."""
        return f"helm+https://{self.server_name}/charts/"

    def add(self, name: str = "podinfo", version: str = "6.5.0", *, url: str = "", **more: object) -> bytes:
        """A chart and its entry; its file."""
        data = chart_file(name, version, **more)
        path = f"{name}-{version}.tgz"
        self.files[f"/charts/{path}"] = data
        entry = metadata(name, version, **more) | {
            "created": "2024-05-01T10:00:00Z",
            "digest": hashlib.sha256(data).hexdigest(),
            "urls": [url or path],
        }
        self.entries.setdefault(name, []).insert(0, entry)
        return data

    def handle(self, request: Request) -> Reply:
        if self.account is not None and request.authorization != basic_header(*self.account):
            return unauthorized('Basic realm="charts"')
        if request.path == "/charts/index.yaml":
            said = {"apiVersion": "v1", "entries": self.entries, "generated": "2024-05-01T10:00:00Z"}
            body = self.index if self.index is not None else yaml.safe_dump(said).encode()
            return Reply(headers=[("Content-Type", "text/yaml")], body=body)
        if request.path in self.files:
            return Reply(body=self.files[request.path])
        return Reply(404, body=json.dumps({"error": "no such file"}).encode())

    def fetched(self, end: str = ".tgz") -> list[str]:
        """Paths that were asked for and end so."""
        return [each.path for each in self.requests if each.path.endswith(end)]
