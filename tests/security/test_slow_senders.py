"""Senders and readers that are slow cost a connection each, and nobody else's time: on the real web process, with no
proxy in front."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from registry_portal.web.collecting import MAX_BODY
from registry_portal.web.pacing import GRACE
from stack.paths import BIN, ROOT
from testbed.portal import PortalProcess

pytestmark = pytest.mark.timeout(300)

#: More than all threads of the process together.
MANY, THREADS = 60, 8
#: What others may have to wait for an answer, on a machine that is busy with other tests; with a thread held by each
#: slow sender it is for ever, or, where each is given up in time, twice as long. Seconds.
PROMPT = MANY / THREADS * GRACE / 2


@pytest.fixture(scope="module")
def house(make_module_portal: Callable[..., PortalProcess]) -> PortalProcess:
    return make_module_portal(WEB_CONCURRENCY="1")


@contextmanager
def gunicorn(house: PortalProcess, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Started as any Django project's, beside the portal; its address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = found.getsockname()[1]
    env = {**house.environment(), "PORT": str(port), "HOST": "127.0.0.1"}
    process = subprocess.Popen([BIN / "gunicorn", *options, "registry_portal.wsgi"], env=env, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url))
        yield url, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture(scope="module")
def by_hand(house: PortalProcess) -> Iterator[str]:
    with gunicorn(house) as (url, _process):
        yield url


@pytest.fixture(params=["make run", "by hand"])
def url(request: pytest.FixtureRequest, house: PortalProcess) -> str:
    return house.url if request.param == "make run" else request.getfixturevalue("by_hand")


def wait_for(look: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=3).status_code == 200
    except (requests.ConnectionError, requests.ReadTimeout):
        return False


def others_are_answered(url: str) -> None:
    for path, status in (
        ("/healthz", 200),
        ("/service/token?service=registry-portal", 200),
        ("/accounts/login/", 200),
    ):
        began = time.monotonic()
        answer = requests.get(f"{url}{path}", timeout=PROMPT * 3)
        assert answer.status_code == status, f"{path}: {answer.text[:300]}"
        assert time.monotonic() - began < PROMPT, path


def connected(url: str, sent: bytes = b"") -> socket.socket:
    place = urlsplit(url)
    assert place.hostname and place.port
    found = socket.create_connection((place.hostname, place.port), timeout=60)
    found.sendall(sent)
    return found


def crowd(stack: ExitStack, url: str, sent: bytes = b"") -> list[socket.socket]:
    return [stack.enter_context(closing(connected(url, sent))) for _ in range(MANY)]


def read_all(sock: socket.socket) -> bytes:
    """Until the other side closes."""
    found = b""
    try:
        while piece := sock.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def post(path: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *more]
    lines.append("Content-Type: application/x-www-form-urlencoded")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        post("/accounts/login/", 5000) + b"username=",
        post("/accounts/login/", 10 * MAX_BODY) + b"username=",
        post("/accounts/login/", 5000, "Expect: 100-continue"),
        b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["nothing", "half a head", "half a body", "half of a long body", "waiting to be asked", "chunked"],
)
def test_requests_that_are_sent_by_half_stop_nobody_else(url: str, sent: bytes) -> None:
    with ExitStack() as stack:
        crowd(stack, url, sent)
        others_are_answered(url)


def test_connections_that_are_kept_and_idle_stop_nobody_else(url: str) -> None:
    with ExitStack() as stack:
        for each in crowd(stack, url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            assert each.recv(65536).startswith(b"HTTP/1.1 200")
        others_are_answered(url)


def test_clients_that_do_not_close_after_their_last_answer_stop_nobody_else(url: str) -> None:
    with ExitStack() as stack:
        crowd(stack, url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        others_are_answered(url)


def test_a_stop_waits_for_no_request_that_does_not_arrive(house: PortalProcess) -> None:
    """Gunicorn itself would wait for its time of grace: here far longer than a stop takes on a busy machine."""
    with gunicorn(house, "--graceful-timeout", "120") as (url, process), ExitStack() as stack:
        crowd(stack, url, b"GET /")
        assert answers(url)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(130)
        assert time.monotonic() - began < 60


def test_more_connections_than_there_are_places_stop_nobody_else(house: PortalProcess) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            crowd(stack, house.url, b"GET /")
        others_are_answered(house.url)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a slow client was told before its connection was closed, and after how many seconds."""

    said: bytes
    seconds: float


@pytest.fixture(scope="module")
def slow_clients(house: PortalProcess) -> Iterator[Mapping[str, Future[Ending]]]:
    """One that drips a head, one that drips a body and one that is idle: side by side, since each waits for its time
    of grace."""
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    with ThreadPoolExecutor(3) as pool:
        yield {
            "head": pool.submit(dripping, house.url, head, b"X-Drip: 1\r\n"),
            "body": pool.submit(dripping, house.url, post("/accounts/login/", 100_000), b"x"),
            "idle": pool.submit(idle, house.url),
        }


def dripping(url: str, begin: bytes, drop: bytes) -> Ending:
    """Sends two drops a second until it is told something."""
    with closing(connected(url, begin)) as sock:
        began = time.monotonic()
        sock.settimeout(0.5)
        while time.monotonic() - began < 5 * GRACE:
            try:
                sock.sendall(drop)
                return Ending(sock.recv(65536), time.monotonic() - began)
            except TimeoutError:
                continue
    raise AssertionError("it is never given up")


def idle(url: str) -> Ending:
    """Sends nothing."""
    began = time.monotonic()
    with closing(connected(url)) as sock:
        return Ending(read_all(sock), time.monotonic() - began)


def test_a_head_that_drips_is_given_up_in_time(slow_clients: Mapping[str, Future[Ending]]) -> None:
    ending = slow_clients["head"].result()
    assert ending.said.startswith(b"HTTP/1.1 408 ")
    assert ending.seconds >= GRACE - 1


def test_a_body_that_drips_is_given_up_in_time(slow_clients: Mapping[str, Future[Ending]]) -> None:
    assert slow_clients["body"].result().said.startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed_without_a_word(slow_clients: Mapping[str, Future[Ending]]) -> None:
    assert slow_clients["idle"].result().said == b""


def test_a_head_without_an_end_is_refused(house: PortalProcess) -> None:
    with closing(connected(house.url, b"GET / HTTP/1.1\r\n")) as sock:
        try:
            for _ in range(100):
                sock.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # It has had enough.
        assert read_all(sock).startswith(b"HTTP/1.1 431 ") or not answers_still(sock)


def answers_still(sock: socket.socket) -> bool:
    try:
        sock.sendall(b"X: y\r\n")
        return True
    except OSError:
        return False


@pytest.mark.parametrize("pieces", [1, 7, 400])
def test_a_form_that_comes_in_pieces_arrives_whole(house: PortalProcess, pieces: int) -> None:
    """The page that it leads to says what was in it."""
    page = requests.get(f"{house.url}/accounts/login/", timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    body = f"csrfmiddlewaretoken={token[1]}&login=pieces-{pieces}&username=pieces-{pieces}&password=wrong".encode()
    cookie = f"Cookie: csrftoken={page.cookies['csrftoken']}"
    whole = post("/accounts/login/", len(body), cookie, "Connection: close") + body
    size = max(1, len(whole) // pieces)
    with closing(connected(house.url)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(whole), size):
            sock.sendall(whole[at : at + size])
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert f'value="pieces-{pieces}"'.encode() in answer


def test_requests_in_one_piece_are_answered_one_after_the_other(house: PortalProcess) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with closing(connected(house.url, one + post("/accounts/login/", 4) + b"abcd" + last)) as sock:
        found = re.findall(rb"HTTP/1.1 (\d+)", read_all(sock))
    assert found == [b"200", b"403", b"200"]


@pytest.mark.parametrize("size", [200_000, MAX_BODY - 1000])
def test_a_large_envelope_of_the_registry_still_passes(house: PortalProcess, size: int) -> None:
    notice = {"events": [{"id": "1", "action": "pull", "padding": "x" * size}]}
    secret = (house.data_dir / "secrets" / "notification_token").read_text(encoding="utf-8").strip()
    answer = requests.post(
        f"{house.url}/service/registry-events",
        json=notice,
        headers={"Authorization": f"Bearer {secret}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text[:300]


@pytest.mark.parametrize("how", ["long", "asked for", "chunked"])
def test_long_bodies_are_read_by_their_threads(house: PortalProcess, how: str) -> None:
    body = b"{" + b" " * 3 * MAX_BODY + b"}"
    headers = {"Authorization": f"Bearer {house.token}", "Content-Type": "application/json"}
    if how == "asked for":
        body, headers["Expect"] = b'{"name": "-"}', "100-continue"
    data = iter([b'{"name":', b' "-"}']) if how == "chunked" else body
    answer = requests.post(f"{house.url}/api/v1/projects", data=data, headers=headers, timeout=60)
    assert answer.status_code in {400, 413}, answer.text[:300]
    others_are_answered(house.url)


def test_readers_that_do_not_read_stop_nobody_else(house: PortalProcess) -> None:
    """Each asks for the largest file again and again; the kernel takes some of it, and then a thread waits."""
    static = Path(house.env["STATIC_ROOT"])
    largest = max(
        (each for each in static.rglob("*.js") if each.is_file()), key=lambda each: each.stat().st_size
    )
    one = f"GET /static/{largest.relative_to(static)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    place = urlsplit(house.url)
    with ExitStack() as stack:
        for _ in range(12):
            sock = stack.enter_context(closing(socket.socket()))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((place.hostname, place.port))
            sock.sendall(one * 40)
        wait_for(lambda: answers(house.url), 3 * GRACE)
        others_are_answered(house.url)
