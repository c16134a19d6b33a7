"""Our HTTP client against urllib3 and httpcore: the same GETs, through the same door, of one Distribution on loopback.

    python -m bench.http_clients [--rounds 7] [--small 1500] [--large 8]

Many small blobs, and a few of 100 MB that are read in pieces into what is thrown away; no redirect is followed. The
clients take turns. Printed: the median of seconds of the processor (what else the machine does counts less than on
the clock), and its ratio to ours.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpcore
import urllib3
import urllib3.connection

from bench.engine import Registry
from oci.cancel import CancelToken
from oci.egress.door import Door, EgressPolicy
from oci.http.transport import HttpTransport
from oci.urls import parse_url
from stack.push import push_image
from testbed.images import random_image

PIECE = 256 * 1024
TIMEOUT = 60.0
LARGE, SMALL = 100_000_000, 3_000
#: Fetches one URL and says how many bytes came.
Fetch = Callable[[str], int]


@contextmanager
def ours(door: Door) -> Iterator[Fetch]:
    """``oci.http``, as the engine uses it."""
    transport = HttpTransport(door=door, cancel=CancelToken())
    buffer = memoryview(bytearray(PIECE))

    def fetch(url: str) -> int:
        response = transport.exchange("GET", parse_url(url), [("Accept-Encoding", "identity")])
        total = 0
        while count := response.readinto(buffer):
            total += count
        return total

    yield fetch
    transport.close()


@contextmanager
def by_urllib3(door: Door) -> Iterator[Fetch]:
    """urllib3, whose connections are made by the door."""

    class Connection(urllib3.connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return door.connect(self.host, self.port or 80, tls=False, timeout=TIMEOUT)

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    pools: dict[str, Any] = {}

    def fetch(url: str) -> int:
        parts = parse_url(url)
        pool = pools.setdefault(parts.authority, Pool(parts.host, parts.port, maxsize=1))
        headers = {"Accept-Encoding": "identity"}
        response = pool.request("GET", parts.target, headers=headers, redirect=False, preload_content=False)
        return sum(map(len, response.stream(PIECE)))

    yield fetch
    for pool in pools.values():
        pool.close()


class _Stream(httpcore.NetworkStream):
    """A socket of the door's, as httpcore wants it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._sock.settimeout(timeout)
        return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._sock.settimeout(timeout)
        self._sock.sendall(buffer)

    def close(self) -> None:
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        return self._sock if info == "socket" else None


@contextmanager
def by_httpcore(door: Door) -> Iterator[Fetch]:
    """httpcore, whose network is the door."""

    class Network(httpcore.NetworkBackend):
        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.NetworkStream:
            return _Stream(door.connect(host, port, tls=False, timeout=timeout or TIMEOUT))

    with httpcore.ConnectionPool(network_backend=Network()) as pool:

        def fetch(url: str) -> int:
            with pool.stream("GET", url, headers=[("Accept-Encoding", "identity")]) as response:
                return sum(map(len, response.iter_stream()))

        yield fetch


CLIENTS = {"oci.http": ours, "urllib3": by_urllib3, "httpcore": by_httpcore}


def seconds_of(fetch: Fetch, url: str, times: int, size: int) -> float:
    """Processor time for asking so often; each answer has to be whole."""
    began = time.process_time()
    for _ in range(times):
        if (count := fetch(url)) != size:
            message = f"{url} gave {count} bytes"
            raise ValueError(message)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--small", type=int, default=1500)
    parser.add_argument("--large", type=int, default=8)
    chosen = parser.parse_args()
    taken: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as directory:
        registry = Registry(Path(directory, "registry"))
        registry.start()
        try:
            image = random_image([SMALL, LARGE])
            push_image(registry.plan.url, "bench/image", "v1", image)
            small, large = (
                next(each for each in image.blobs if each.size == size) for size in (SMALL, LARGE)
            )
            jobs = {"small": (small, chosen.small), "large": (large, chosen.large)}
            door = Door(EgressPolicy(trusted_hosts=frozenset({registry.host})))
            for _ in range(chosen.rounds):
                for name, client in CLIENTS.items():
                    with client(door) as fetch:
                        for job, (blob, times) in jobs.items():
                            url = f"{registry.plan.url}/v2/bench/image/blobs/{blob.digest}"
                            seconds = seconds_of(fetch, url, times, blob.size)
                            taken.setdefault((job, name), []).append(seconds)
        finally:
            registry.running.stop()
    print(f"{chosen.small} blobs of {SMALL} bytes, {chosen.large} of {LARGE // 1_000_000} MB")
    for (job, name), all_seconds in taken.items():
        median, base = statistics.median(all_seconds), statistics.median(taken[job, "oci.http"])
        print(f"{job}  {name:9}{median:7.2f} s  ratio {median / base:.2f}")


if __name__ == "__main__":
    main()
