"""Runs in a namespace that reaches nothing but proxies: a whole portal, and all that it asks of registries and others.

Takes a :class:`Order` as JSON, prints a line of JSON: what came of it by domain, and every place that a packet was
sent to.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from testbed import crawl
from testbed.portal import PortalProcess, seed_database
from tests.support.networks.far_side import ACCOUNT, names_of
from tests.support.services.oidc import come_in, who

#: After so many seconds a running worker obeys a changed rule.
SEEN_BY_WORKERS: Final = 3.5
USER, PASSWORD = next(iter(ACCOUNT.items()))
_ALL_PROTOCOLS: Final = 3  # ETH_P_ALL
_ANY_BUFFER: Final = 33  # SO_RCVBUFFORCE
_STATISTICS: Final = (263, 6)  # SOL_PACKET, PACKET_STATISTICS
_IP, _IPV6 = 0x0800, 0x86DD
_TCP, _UDP, _ICMPV6, _HOP_BY_HOP = 6, 17, 58, 0


@dataclass(frozen=True)
class Order:
    """``link``: the only way out. ``env``: of the portal. ``sides``: what stands there, by domain. ``rules``: for the
    table of sources, by domain; the others are in ``env``. ``browser``: the proxy of the person who signs in."""

    link: str
    browser: str
    directory: str
    tables: str
    env: dict[str, str]
    sides: dict[str, dict[str, Any]]
    rules: dict[str, dict[str, str]]


class Packets:
    """Where packets that leave by a link go to: protocol, address and port of each, addresses' own traffic apart."""

    def __init__(self, link: str) -> None:
        self.seen: set[tuple[str, str, int]] = set()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, _ANY_BUFFER, 64 * 1024 * 1024)
        self._socket.bind((link, _ALL_PROTOCOLS))
        self._socket.settimeout(0.5)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Stop; how many packets were not looked at."""
        self._ended.set()
        self._thread.join()
        _, dropped = struct.unpack("II", self._socket.getsockopt(*_STATISTICS, 8))
        self._socket.close()
        return int(dropped)

    def _read(self) -> None:
        while not self._ended.is_set():
            try:
                packet, (_, protocol, kind, *_) = self._socket.recvfrom(128)
            except TimeoutError:
                continue
            if kind == socket.PACKET_OUTGOING and (goal := _goal(protocol, packet)):
                self.seen.add(goal)


def _goal(protocol: int, packet: bytes) -> tuple[str, str, int] | None:
    if protocol == _IP:
        inner, begin = packet[9], 4 * (packet[0] & 15)
        address = socket.inet_ntop(socket.AF_INET, packet[16:20])
    elif protocol == _IPV6:
        inner, begin, address = packet[6], 40, socket.inet_ntop(socket.AF_INET6, packet[24:40])
    else:
        return None  # ARP
    # RFC 8200 section 4.3; the kernel's own reports of groups have it.
    if protocol == _IPV6 and inner == _HOP_BY_HOP:
        inner, begin = packet[begin], begin + 8 * (1 + packet[begin + 1])
    if inner == _ICMPV6:
        return None  # neighbours
    port = struct.unpack("!H", packet[begin + 2 : begin + 4])[0] if inner in (_TCP, _UDP) else 0
    return {_TCP: "tcp", _UDP: "udp"}.get(inner, str(inner)), address, port


@contextmanager
def running(order: Order) -> Iterator[PortalProcess]:
    """A portal as ordered, on a database that was migrated before."""
    portal = PortalProcess(Path(order.directory), order.env)
    seed_database(portal.data_dir, Path(order.tables))
    portal.start()
    try:
        yield portal
    finally:
        portal.stop()


class Visit:
    """All that a portal asks of what stands below one domain."""

    def __init__(self, portal: PortalProcess, domain: str, side: dict[str, Any]) -> None:
        registry, _, _, hooks, _ = names_of(domain)
        self._portal, self._side = portal, side
        self._name = domain.partition(".")[0]
        self._base = f"/projects/{portal.project(self._name)}"
        self._registry = f"{registry}:{side['registry']}"
        self._image = f"{self._registry}/ns/app:1"
        hook = {"url": f"https://{hooks}:{side['hooks']}/told", "events": ["import.succeeded"]}
        self._hook = self._post("/webhooks", hook)["id"]
        body = {"name": "theirs", "registry": self._registry, "username": USER, "password": PASSWORD}
        self._credential = self._post("/credentials", body)["id"]

    def _post(self, path: str, body: object = None) -> dict[str, Any]:
        answer = self._portal.call("POST", f"{self._base}{path}", body)
        assert answer.status_code in (200, 201, 202), (path, answer.status_code, answer.text)
        return dict(answer.json())

    def begin(self) -> None:
        """What takes its time, all at once."""
        body = {"image_url": self._image, "credential": self._credential}
        self._task = self._post("/images/import", body)["id"]
        synced = {**body, "target_name": "synced", "tags": ["1"], "cron": "0 3 1 1 *"}
        self._schedule = self._post("/schedules", synced)["id"]
        self._post(f"/schedules/{self._schedule}/run")

    def look(self) -> dict[str, Any]:
        """What came of everything."""
        wanted = {"image_url": self._image, "credential": self._credential}
        tested = self._post(f"/credentials/{self._credential}/test")
        plan = self._post("/images/import/plan", wanted)
        tags = self._tags()
        task = self._portal.wait(self._base.rpartition("/")[2], self._task)
        found = self._portal.verify(f"{self._name}/ns/app", "1")
        signature = self._portal.verify(f"{self._name}/ns/app", self._side["signature"])
        return {
            "signed in": tested["ok"],
            "plan": [plan["source_digest"], plan["referrers"]],
            "tags": tags,
            "import": [task["status"], task["error"], task["via"]],
            "arrived": [found.digest, signature.digest],
            "schedule": self._last(f"/schedules/{self._schedule}", lambda row: row["last_result"]),
            "webhook": self._last(f"/webhooks/{self._hook}/deliveries", _status),
        }

    def _tags(self) -> bool:
        """Whether the tags nearest to one that is missing are found."""
        browser = crawl.signed_in(self._portal)
        form = {
            "image_url": f"{self._registry}/ns/app:2",
            "credential": self._credential,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        url = f"{self._portal.url}/projects/{self._name}/import/tags/"
        answer = browser.post(
            url, form, headers={"Referer": self._portal.url, "HX-Request": "true"}, timeout=30
        )
        return answer.status_code == 200 and 'class="chip mono">1<' in answer.text

    def _last(self, path: str, of: Callable[[Any], Any]) -> Any:
        """What ``of`` finds in an answer, once it finds anything."""
        until = time.monotonic() + 60
        while not (found := of(self._portal.call("GET", f"{self._base}{path}").json())):
            assert time.monotonic() < until, f"{path} comes to no end"
            time.sleep(0.2)
        return found


def signed_in_by_the_provider(portal: PortalProcess, order: Order) -> str:
    """Who comes in by the identity provider, with a browser that has the same way out."""
    browser = requests.Session()
    browser.trust_env = False
    browser.proxies, browser.verify = {"https": order.browser}, order.env["IMPORT_CA_FILE"]
    return who(portal.url, come_in(portal.url, browser))


def _status(deliveries: dict[str, Any]) -> int | None:
    """What the receiver said to the first of them."""
    found: int | None = next((each["response_status"] for each in deliveries["results"]), None)
    return found


def main(text: str) -> None:
    """Print one line of JSON."""
    order = Order(**json.loads(text))
    packets = Packets(order.link)
    with running(order) as portal:
        for domain, rule in order.rules.items():
            answer = portal.call("POST", "/sources", {"pattern": f"*.{domain}", **rule})
            assert answer.status_code == 201, answer.text
        time.sleep(SEEN_BY_WORKERS)
        visits = {domain: Visit(portal, domain, side) for domain, side in order.sides.items()}
        for visit in visits.values():
            visit.begin()
        said: dict[str, Any] = {domain: visit.look() for domain, visit in visits.items()}
        login = signed_in_by_the_provider(portal, order)
        time.sleep(1)
        log = portal.output()
    dropped = packets.end()
    goals = sorted(f"{protocol} {address}:{port}" for protocol, address, port in packets.seen)
    found = {"said": said, "login": login, "goals": goals, "dropped": dropped, "leaks": "cANARY" in log}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
