"""Pulls of what is here, with nginx before the registry and without: ``python -m bench front [--rounds 7]``.

One registry, which asks for tokens and reports pulls as the embedded one does, has a front of each shipped setup before
it, with that setup's own configuration. The portal's part is scripted: every tag is fresh, and the front remembers that
for ten seconds. In each round registry and fronts take turns, under so many clients with a connection each that stays.

What a machine can serve is bounded by the processor time of registry and front for an answer: the ratio of that is what
counts, and others on the machine change it little. In brackets is the ratio of answers a second; on a busy machine that
is its scheduler's. Both are medians over the rounds, each to the registry's own turn in it. Ends with 1 where whole
pulls have less than 0.95 of the throughput without a front, by processor time, in one of the setups.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from projects.token_service.tokens import Access, mint
from registry_portal.secrets_store import TOKEN_CERTIFICATE, secrets_dir, token_service_pair
from stack import compose, kubernetes
from stack.push import push_image
from stack.sample import Image
from stack.services.front_server import FrontPlan, Upstreams, front_service
from stack.services.ports import LOOPBACK
from stack.services.registry_server import Notifications, TokenAuth
from testbed.images import random_image
from testbed.portal import descendants
from testbed.scripted_http import Reply, ScriptedServer
from testbed.services import RegistryServer, start_on_free_port, start_registry

MB: Final = 1_000_000
#: A name that first pull is about: its tags are asked for before they are served.
REPOSITORY: Final = "team/docker.io/library/app"
TAGS: Final = 40
#: As docker.io/library/nginx:1.27 has them.
LAYERS: Final = (28_230_000, 43_900_000, 2_700, 2_700, 2_700, 2_700, 2_700)
#: The speed through a front, of that without one, below which the benchmark fails.
PASSING_RATIO: Final = 0.95
WHOLE: Final = "whole pulls"
DIRECT: Final = "without a front"
#: What is shipped, but for addresses and places.
SETUPS: Final = {
    "make run": FrontPlan(Path(), 0, Upstreams("", ""), storage="here"),
    "Compose": compose.FRONT,
    "Kubernetes, one node": kubernetes.FRONT_WITH_FILES,
    "Kubernetes, many nodes": kubernetes.FRONT,
}
#: Where the way of a layer does not lead through the front.
PAST: Final = ("Kubernetes, many nodes",)
#: Not shipped: what a front costs that passes layers on.
PASSING: Final = {"all through nginx": kubernetes.FRONT}


@dataclass
class Server:
    """Who is asked, and the processes that work for the answers."""

    url: str
    pids: tuple[int, ...]
    #: Where layers are.
    layers: str

    def processor_seconds(self) -> float:
        """What they and their children have used so far."""
        pids = [pid for each in self.pids for pid in (each, *descendants(each))]
        return sum(_used(pids)) / os.sysconf("SC_CLK_TCK")


def _used(pids: Iterable[int]) -> Iterable[int]:
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        yield int(fields[11]) + int(fields[12])


class Place:
    """Registry and fronts, by who is asked. Use it as a context."""

    def __init__(self, setups: Mapping[str, FrontPlan] = SETUPS) -> None:
        self._stack = ExitStack()
        self._setups = setups
        self.servers: dict[str, Server] = {}

    def __enter__(self) -> Place:
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="portal-bench-")))
        fresh = Reply(204, [("X-Accel-Expires", "10")])
        self._portal = self._stack.enter_context(ScriptedServer(lambda _request: fresh))
        registry = start_registry(
            directory / "registry",
            auth=_token_auth(directory),
            notifications=Notifications(f"{self._portal.url}/service/registry-events", "a-token"),
        )
        self._stack.callback(registry.running.stop)
        self.servers[DIRECT] = Server(registry.url, (_pid(registry.running.process),), registry.url)
        for number, (who, plan) in enumerate(self._setups.items()):
            front = self._front(directory / f"front{number}", plan, registry)
            self.servers[who] = replace(front, layers=registry.url) if who in PAST else front
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _front(self, directory: Path, plan: FrontPlan, registry: RegistryServer) -> Server:
        here = replace(
            plan,
            directory=directory,
            host=LOOPBACK,
            upstreams=replace(plan.upstreams, registry=registry.host, portal=self._portal.server_name),
            storage=str(registry.plan.directory / "data") if plan.storage else "",
        )
        running, port = start_on_free_port(
            lambda port: front_service(replace(here, port=port)), directory.with_suffix(".log")
        )
        self._stack.callback(running.stop)
        url = f"http://{LOOPBACK}:{port}"
        return Server(url, (_pid(running.process), *self.servers[DIRECT].pids), url)


def _token_auth(directory: Path) -> TokenAuth:
    """The registry's way to tell who asks; :func:`mint` makes what it takes."""
    key, certificate = token_service_pair(directory)
    name = "registry-portal"
    settings.configure(
        TOKEN_SERVICE_KEY=key,
        TOKEN_SERVICE_CERTIFICATE=certificate,
        TOKEN_SERVICE_ISSUER=name,
        TOKEN_SERVICE_NAME=name,
    )
    return TokenAuth(
        realm="http://127.0.0.1/service/token",
        service=name,
        issuer=name,
        certificate=secrets_dir(directory) / TOKEN_CERTIFICATE,
    )


def bearer() -> dict[str, str]:
    """The header of a client that may pull and push, for long enough."""
    access = [Access("repository", REPOSITORY, ("pull", "push"))]
    return {"Authorization": f"Bearer {mint(subject='puller', access=access, seconds=86_400).text}"}


def _pid(process: subprocess.Popen[bytes] | None) -> int:
    assert process is not None
    return process.pid


def questions(image: Image, headers: Mapping[str, str]) -> dict[str, list[bytes]]:
    """What clients ask, by case: each asks all of it over and over."""
    sent = {"Host": "registry.example", "Accept": image.manifest.media_type, **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())

    def ask(method: str, what: str) -> bytes:
        return f"{method} /v2/{REPOSITORY}/{what} HTTP/1.1\r\n{lines}\r\n".encode("ascii")

    by_digest = ask("GET", f"manifests/{image.digest}")
    layers = [ask("GET", f"blobs/{blob.digest}") for blob in image.blobs]
    tags = [f"manifests/tag{number}" for number in range(TAGS)]
    pull = [ask("HEAD", tags[0]), by_digest, *layers]
    return {
        "manifests by tag": [ask("GET", tag) for tag in tags],
        "manifests by digest": [by_digest],
        "configuration and layers": layers,
        WHOLE: pull,
    }


def ask_on(server: Server, asked: Sequence[bytes], seconds: float) -> int:
    """Over a connection that stays, for so many seconds; the number of answers."""
    buffer, done = bytearray(MB), 0
    until = time.monotonic() + seconds
    with Connections() as connections:
        for question in itertools.cycle(asked):
            url = server.layers if b"/blobs/" in question else server.url
            connection = connections.to(url)
            connection.sendall(question)
            if not _read(connection, buffer, has_body=not question.startswith(b"HEAD")):
                connections.end(url)  # nginx ends a connection after a thousand requests.
            done += 1
            # Only whole rounds are alike.
            if done % len(asked) == 0 and time.monotonic() > until:
                break
    return done


class Connections:
    """One to each server, for as long as it stays. Use it as a context."""

    def __init__(self) -> None:
        self._open: dict[str, socket.socket] = {}

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        for url in list(self._open):
            self.end(url)

    def to(self, url: str) -> socket.socket:
        if url not in self._open:
            where = urlsplit(url)
            self._open[url] = socket.create_connection((where.hostname or "", where.port or 80), timeout=120)
            self._open[url].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._open[url]

    def end(self, url: str) -> None:
        self._open.pop(url).close()


def _read(connection: socket.socket, buffer: bytearray, *, has_body: bool) -> bool:
    """One whole answer; whether the connection stays."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        got = connection.recv_into(buffer)
        assert got, "the server ended the connection"
        answer += bytes(buffer[:got])
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 200"), head
    length = int(next(line for line in lines if line.startswith(b"content-length:")).partition(b":")[2])
    missing = length - len(body) if has_body else 0
    while missing > 0:
        got = connection.recv_into(buffer)
        assert got, "the server ended the connection"
        missing -= got
    return b"connection: close" not in lines


@dataclass
class Turn:
    """Answers a second, and milliseconds of processor time for each."""

    rate: float
    cost: float


def turn(
    pool: ProcessPoolExecutor, clients: int, server: Server, asked: Sequence[bytes], seconds: float
) -> Turn:
    """So many clients ask at once."""
    began, used = time.monotonic(), server.processor_seconds()
    found = [pool.submit(ask_on, server, asked, seconds) for _ in range(clients)]
    answers = sum(each.result() for each in found)
    return Turn(answers / (time.monotonic() - began), (server.processor_seconds() - used) * 1000 / answers)


def compared(turns: dict[str, list[Turn]], who: str) -> tuple[float, float]:
    """Throughput in relation to the registry's own: by processor time, and as it was."""
    pairs = list(zip(turns[who], turns[DIRECT], strict=True))
    by_cost = statistics.median(base.cost / one.cost for one, base in pairs)
    return by_cost, statistics.median(one.rate / base.rate for one, base in pairs)


def measured(
    place: Place, pool: ProcessPoolExecutor, options: argparse.Namespace, asked: Sequence[bytes]
) -> dict[str, list[Turn]]:
    """The turns of each server, one in each round."""
    turns: dict[str, list[Turn]] = {who: [] for who in place.servers}
    for number in range(options.rounds + 1):
        for who, server in place.servers.items():
            found = turn(pool, options.clients, server, asked, options.seconds if number else 0.5)
            if number:  # The first warms.
                turns[who].append(found)
    return turns


def main(arguments: Sequence[str]) -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser(
        prog="bench front", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--cases", default="", help="only those with these words, separated by commas")
    parser.add_argument("--passing", action="store_true", help="a front that passes layers on, too")
    options = parser.parse_args(arguments)
    image = random_image(LAYERS, seed=90)
    reached = math.inf
    setups = SETUPS | (PASSING if options.passing else {})
    with Place(setups) as place, ProcessPoolExecutor(options.clients) as pool:
        print(f"| clients: {options.clients} | ms, {' | '.join(place.servers)} |")
        print("|---" * (len(place.servers) + 1) + "|")
        headers = bearer()
        for number in range(TAGS):
            push_image(place.servers[DIRECT].url, REPOSITORY, f"tag{number}", image, headers=headers)
        for case, asked in questions(image, headers).items():
            if not any(word in case for word in options.cases.split(",")):
                continue
            turns = measured(place, pool, options, asked)
            ratios = {who: compared(turns, who) for who in place.servers if who != DIRECT}
            if case == WHOLE:
                reached = min(ratios[who][0] for who in SETUPS)
            own = statistics.median(each.cost for each in turns[DIRECT])
            shown = " | ".join(f"× {by_cost:.2f} ({as_it_was:.2f})" for by_cost, as_it_was in ratios.values())
            print(f"| {case} | {own:.2f} | {shown} |", flush=True)
    sys.exit(0 if reached >= PASSING_RATIO else 1)
