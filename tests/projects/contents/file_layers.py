"""Images of a few files, and what the API says of them; in the project ``filesof`` of the conftest."""

from __future__ import annotations

import io
import tarfile
from typing import Any

from projects.contents import indexing
from stack.sample import OCI_LAYER, Blob, Layer
from testbed.services import RegistryServer
from tests.support.content.inside import made, row_of
from tests.support.people import Team, call

CONFIG = {"os": "linux", "architecture": "amd64"}


def tar_layer(*entries: tuple[str, bytes, str, bytes]) -> Layer:
    """A plain layer of (name, type, link target, content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, target, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size, entry.mode = kind, target, len(content), 0o755
            entry.mtime = 1_700_000_000
            archive.addfile(entry, io.BytesIO(content))
    return Layer(Blob(OCI_LAYER, buffer.getvalue()), "")


def ask(team: Team, row: Any, tail: str, status: int = 200) -> Any:
    answer = call("GET", f"/projects/{team.project.pk}/images/{row.pk}/{tail}", headers=team.bearer("viewer"))
    assert answer.status_code == status, answer.content
    return answer


def indexed(team: Team, registry: RegistryServer, name: str, layers: list[Layer]) -> Any:
    image = made(CONFIG, layers)
    registry.push(f"filesof/{name}", "1", image)
    row = row_of(team.project, name, "1", image)
    indexing.index_image(row.pk, "", stop=lambda: False)
    return row
