"""Requests that wait for something: they cost no thread, and are asked for again until their answer is final."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from registry_portal.web.aside import MAX_ASIDE, Holding, SetAside
from registry_portal.web.pacing import PacedSocket
from stack.paths import ROOT
from stack.services.ports import free_port
from stack.services.spec import ServiceSpec, Surroundings
from testbed.processes import Running

#: A site whose /slow is ready once the file is there; it says how often it was asked, and how long it was held.
SITE = """
import os, pathlib, time
READY = pathlib.Path(os.environ["READY"])
ASKED = pathlib.Path(os.environ["ASKED"])

def application(environ, start_response):
    since = environ.get("portal.held_since")
    held = 0.0 if since is None else time.monotonic() - since
    if environ["PATH_INFO"] == "/slow":
        with ASKED.open("a") as log:
            log.write(f"{held:.3f}\\n")
        if not held:
            time.sleep(float(environ.get("HTTP_X_FIRST", 0)))
        if not READY.exists() and held < float(environ.get("HTTP_X_MOST", 60)):
            start_response("503 Service Unavailable", [("X-Ask-Again", "0.1"), ("Content-Length", "4")])
            return [b"wait"]
    start_response("200 OK", [("Content-Length", "4"), ("X-Held", f"{held:.3f}")])
    return [b"done"]
"""


class Site:
    def __init__(self, url: str, directory: Path) -> None:
        self.url, self.ready, self.asked = url, directory / "ready", directory / "asked"

    def questions(self, held: str = "") -> int:
        """How often the site was asked: by requests that were held so long, or by any."""
        lines = self.asked.read_text(encoding="ascii").splitlines() if self.asked.exists() else []
        return sum(not held or line == held for line in lines)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """One process of two threads."""
    (tmp_path / "waiting_site.py").write_text(SITE, encoding="utf-8")
    port = free_port()
    found = Site(f"http://127.0.0.1:{port}", tmp_path)

    def answers() -> bool:
        try:
            return requests.get(f"{found.url}/", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    argv = [sys.executable, "-m", "gunicorn", "waiting_site:application", "--bind", f"127.0.0.1:{port}"]
    argv += [
        "--worker-class",
        "registry_portal.web.webworker.PatientWorker",
        "--threads",
        "2",
        "--workers",
        "1",
    ]
    env = {
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
        "READY": str(found.ready),
        "ASKED": str(found.asked),
    }
    spec = ServiceSpec(name="site", argv=argv, ready=answers, surroundings=Surroundings(env, cwd=tmp_path))
    with Running(spec, tmp_path / "site.log"):
        yield found


def test_thirty_wait_with_two_threads_and_others_are_answered_meanwhile(site: Site) -> None:
    with ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit(requests.get, f"{site.url}/slow", timeout=60) for _ in range(30)]
        while site.questions() < 60:
            time.sleep(0.05)
        assert requests.get(f"{site.url}/other", timeout=10).text == "done"
        site.ready.touch()
        answers = [each.result() for each in waiting]
    assert {(each.status_code, each.text) for each in answers} == {(200, "done")}
    assert min(float(each.headers["X-Held"]) for each in answers) > 0


def test_a_connection_serves_the_next_request_after_one_that_waited(site: Site) -> None:
    with requests.Session() as session:
        late = session.get(f"{site.url}/slow", headers={"X-Most": "0.3"}, timeout=30)
        assert float(late.headers["X-Held"]) >= 0.3
        # Held no longer: the next request begins anew.
        assert session.get(f"{site.url}/other", timeout=30).headers["X-Held"] == "0.000"


def test_what_the_first_question_took_counts_as_waited(site: Site) -> None:
    """What it did was done while the client waited: a view that is asked again recognises its own doing."""
    late = requests.get(f"{site.url}/slow", headers={"X-First": "1.0", "X-Most": "0.05"}, timeout=30)
    assert site.questions() == 2
    assert float(late.headers["X-Held"]) >= 1.1


def test_a_client_that_leaves_is_asked_for_no_longer(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", int(site.url.rpartition(":")[2])), timeout=30) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while site.questions() < 2:
            time.sleep(0.05)
    time.sleep(0.5)
    before = site.questions()
    time.sleep(0.5)
    assert site.questions() == before


def asked(holding: Holding, sock: object) -> tuple[str, list[tuple[str, str]]]:
    said: list[tuple[str, list[tuple[str, str]]]] = []
    holding({"gunicorn.socket": sock}, lambda status, headers, exc_info=None: said.append((status, headers)))
    return said[0]


def test_without_room_the_answer_is_sent_as_it_is_without_the_header() -> None:
    def site(_environ: object, start_response: object) -> list[bytes]:
        start_response("503 Busy", [("X-Ask-Again", "1"), ("Retry-After", "3")])  # type: ignore[operator]
        return [b""]

    with PacedSocket() as sock:
        assert asked(Holding(site, lambda: False), sock) == ("503 Busy", [("Retry-After", "3")])
        with pytest.raises(SetAside) as aside:
            asked(Holding(site, lambda: True), sock)
    assert aside.value.seconds == 1.0
    # Where the socket is not ours, nothing is held.
    assert asked(Holding(site, lambda: True), None) == ("503 Busy", [("Retry-After", "3")])
    assert MAX_ASIDE < 500, "connections are left for others"
