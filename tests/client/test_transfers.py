"""Files on their way to a portal: cut again and again, and through a proxy that takes only short bodies."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from portal_client import transfers
from portal_client.api import Api
from portal_client.transfers import PIECE
from stack.services.spec import ServiceSpec
from stack.services.tools import find
from testbed.images import random_image
from testbed.portal import PortalProcess
from testbed.services import start_on_free_port
from testbed.tcp_proxy import TcpProxy
from tests.support.content.archives import layout, write

MIB = 1024 * 1024
CUTS = 20
#: A request without its body, and more than that.
HEAD_BYTES = 2000


def sleep_by(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]) -> None:
    """The client's pauses alone: others sleep on."""
    monkeypatch.setattr(transfers, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))


@pytest.fixture
def line(portal: PortalProcess) -> Iterator[TcpProxy]:
    where = urlsplit(portal.url)
    with TcpProxy((where.hostname or "", where.port or 80)) as line:
        yield line


def test_an_upload_cut_at_twenty_places_sends_little_twice_and_is_imported(
    portal: PortalProcess, line: TcpProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = random_image([2 * MIB, MIB, 100_000], seed=17)
    file = write(tmp_path / "cut.tar", layout({"cut:1": image}))
    project, rng, cuts = portal.project("cut-uploads"), random.Random(17), list[int]()

    def cut_once_more(_seconds: float = 0.0) -> None:
        """Instead of the pause before the next try."""
        if len(cuts) < CUTS:
            cuts.append(rng.randrange(1, PIECE))
            line.cut_after(cuts[-1], direction="up")

    sleep_by(monkeypatch, cut_once_more)
    cut_once_more()
    with Api(f"http://{line.address}", portal.token) as api:
        made = transfers.upload(api, project, file, lambda _done: None)
    requests = 2 * CUTS + file.stat().st_size // PIECE + 2
    assert len(cuts) == CUTS
    assert line.counters.up <= file.stat().st_size + CUTS * PIECE + requests * HEAD_BYTES
    monkeypatch.undo()
    answer = portal.call("POST", f"/projects/{project}/bundles/import", {"uploads": [made]})
    assert answer.status_code == 202, answer.text
    assert portal.wait(project, answer.json()["tasks"][0]["id"])["status"] == "success"
    assert portal.verify("cut-uploads/cut", "1").digest == image.digest


@pytest.fixture
def front(portal: PortalProcess, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx before the portal that takes bodies of 5 MiB."""

    def make(port: int) -> ServiceSpec:
        config = write(
            tmp_path / "nginx.conf",
            f"""
            daemon off;
            master_process off;
            pid {tmp_path}/pid;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path {tmp_path}/bodies;
                proxy_temp_path {tmp_path}/answers;
                fastcgi_temp_path {tmp_path}/f;
                scgi_temp_path {tmp_path}/s;
                uwsgi_temp_path {tmp_path}/u;
                client_max_body_size 5m;
                server {{
                    listen 127.0.0.1:{port};
                    location / {{ proxy_pass {portal.url}; }}
                }}
            }}""".encode(),
        )
        return ServiceSpec(
            name="nginx",
            argv=[find("nginx") or "nginx", "-e", "stderr", "-c", str(config)],
            # It writes its process id once it listens; on its port someone else might answer.
            ready=(tmp_path / "pid").exists,
        )

    nginx, port = start_on_free_port(make, tmp_path / "nginx.log")
    with nginx:
        yield f"http://127.0.0.1:{port}"


def test_pieces_grow_where_the_line_is_quick_and_no_further_than_a_proxy_lets_them_through(
    portal: PortalProcess, front: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "long.tar", random.Random(3).randbytes(24 * MIB))
    reached: list[int] = []
    monkeypatch.setattr(transfers, "_PIECE_SECONDS", 1000.0)  # However slow this machine is.
    sleep_by(monkeypatch, lambda _seconds: None)
    with Api(front, portal.token) as api:
        transfers.upload(api, portal.project("long-pieces"), file, reached.append)
    sizes = [after - before for before, after in zip([0, *reached], reached, strict=False)]
    assert sizes == [size * MIB for size in (2, 4, 2, 4, 4, 4, 4)]
    reached.clear()
    with Api(portal.url, portal.token) as api:
        transfers.upload(api, portal.project("long-pieces"), file, reached.append)
    assert reached == [size * MIB for size in (2, 6, 14, 24)]


def test_a_piece_that_took_long_is_followed_by_short_ones() -> None:
    pieces = transfers.Pieces()
    pieces.sent(PIECE, 0.01)
    assert pieces.size == 2 * PIECE
    pieces.sent(2 * PIECE, 4.0)
    assert pieces.size == PIECE, "a slow line holds no thread of the portal"
