"""Accounts that take what they can get, beside the twenty imports of a chaos run, and one that only wants its share.

One has imports that drip, in many projects; one a flood of webhooks whose receiver is silent; one a schedule that never
ends; one asks for plans at a silent registry, again and again; one reads what is inside an image in the same way. They
go on until everybody else's imports have ended, which they must all the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import requests

from stack.sample import OCI_INDEX, OCI_MANIFEST
from testbed.scripted_http import Reply, Request, ScriptedServer
from testbed.throttle import Throttle
from tests.support.house import KIB, House
from tests.support.rows import ENDED
from tests.support.tenants import Tenant, tenant

DRIPS: Final = 6
WEBHOOKS: Final = 20
FAILING: Final = 10
ENDLESS_TAGS: Final = 2000
#: What one account asks for at once, plans or an image's files: more than all web processes have threads.
ASKED: Final = 40
#: How long the source thinks about each tag of the schedule that never ends, seconds.
THINKS: Final = 2.0
#: Once nothing is broken any more: a fair account's import, news and sync have come within this, seconds.
FAIR_SECONDS: Final = 120.0
#: A page is there within this, seconds: behind silent plans it would wait 25 and more.
PAGE_SECONDS: Final = 20.0


class _Stage(Protocol):
    """What the accounts act on: a chaos run's world."""

    house: House


@dataclass
class Players:
    """Made before the first fault; :meth:`release` ends what they do."""

    world: _Stage
    silent: ScriptedServer
    receiver: ScriptedServer
    drip: Throttle = field(default_factory=lambda: Throttle(KIB))

    _endless: tuple[Tenant, str] | None = None
    _fair: Tenant | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        house = self.world.house
        self.silent._handler = self._hang
        self.receiver._handler = lambda _request: Reply(204)
        self._fair = tenant(house.portal, "fair")
        self._fair.made("webhooks", {"url": f"{self.receiver.url}/news"})
        house.image("tenants/fair", [8 * KIB])
        self.set_rules()
        self._drip(tenant(house.portal, "dripping"))
        self._flood(tenant(house.portal, "flooding"))
        self._never_end(tenant(house.portal, "endless"))
        self._ask(tenant(house.portal, "asking"))
        self._read(tenant(house.portal, "reading"))

    def set_rules(self) -> None:
        """What the source does for them."""
        self.world.house.source.rule("GET", "/tenants/drip", self.drip)
        self.world.house.source.rule("HEAD", "/tenants/endless/", self._think)

    def others_have_ended(self) -> bool:
        rows = self.world.house.rows.tasks().values()
        return all(task.status in ENDED for task in rows if task.project.split("-")[0] not in _NAMES)

    def fair_share(self) -> list[str]:
        """What the fair account did not get in time, while the others still go on."""
        assert self._fair is not None
        fair, house = self._fair, self.world.house
        pages = ("/healthz", "/accounts/login/", f"/api/v1/projects/{fair.project()}/images")
        late = [
            f"{page} took a fair account {took:.0f} s"
            for page in pages
            if (took := self._took(page)) > PAGE_SECONDS
        ]
        began = time.monotonic()
        task = fair.submit(house.reference("tenants/fair"))
        house.accepted.append(task)
        body = {
            "image_url": f"{house.source.server_name}/tenants/fair",
            "tags": ["1"],
            "cron": "0 3 1 1 *",
            "target_name": "kept",
        }
        schedule = fair.made("schedules", body)["id"]
        fair.made(f"schedules/{schedule}/run", {})
        path = f"/projects/{fair.project()}/schedules/{schedule}"
        wants: dict[str, Callable[[], Any]] = {
            "import": lambda: house.rows.task(task).status in ENDED,
            "sync": lambda: fair.call("GET", path).json().get("last_result"),
            "news": lambda: self.receiver.requests,
            "pull": lambda: self._is_pulled(task),
            "list of files": lambda: self._is_listed(fair),
        }
        while time.monotonic() - began < FAIR_SECONDS and wants:
            wants = {name: came for name, came in wants.items() if not came()}
            time.sleep(0.5)
        return late + [f"a fair account's {name} did not come within {FAIR_SECONDS:g} s" for name in wants]

    def release(self) -> None:
        """They do what everybody does, from now on."""
        self._over.set()
        self.drip.release()
        if self._endless is not None:
            who, schedule = self._endless
            answer = who.call("DELETE", f"/projects/{who.project()}/schedules/{schedule}")
            assert answer.status_code == 204, answer.text

    def _took(self, page: str) -> float:
        """How long the fair account waited for it, seconds."""
        assert self._fair is not None
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self._fair.token}"}
        assert requests.get(self._fair.portal.url + page, headers=headers, timeout=300).ok
        return time.monotonic() - began

    def _is_pulled(self, task: str) -> bool:
        house, row = self.world.house, self.world.house.rows.task(task)
        if row.status != "success":
            return False
        assert house.target is not None
        url = f"{house.target.url}/v2/{row.project}/{row.target_name}/manifests/{row.digest}"
        # Distribution 2.8 gives such manifests only to those who name their type.
        return requests.get(url, headers={"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"}, timeout=60).ok

    def _is_listed(self, who: Tenant) -> bool:
        """A worker has read the layers, and says what they are: noise has no files."""
        images = who.call("GET", f"/projects/{who.project()}/images").json()["results"]
        path = f"/projects/{who.project()}/images"
        return any(who.call("GET", f"{path}/{each['id']}/files").status_code in (200, 422) for each in images)

    def _ask(self, who: Tenant) -> None:
        path = f"/projects/{who.project()}/images/import/plan"
        body = {"image_url": f"{self.silent.server_name}/silent:1"}
        self._at_once(lambda: who.call("POST", path, body))

    def _read(self, who: Tenant) -> None:
        self.world.house.image("tenants/read", [200 * KIB] * 4)
        self._submit(who, self.world.house.reference("tenants/read"))
        path = f"/projects/{who.project()}/images"

        def read() -> None:
            for image in who.call("GET", path).json()["results"]:
                for what in ("contents", "sboms", "files?search=a"):
                    who.call("GET", f"{path}/{image['id']}/{what}")

        self._at_once(read)

    def _at_once(self, ask: Callable[[], object]) -> None:
        """Again and again, many times at once, whatever the answers are."""

        def go_on() -> None:
            while not self._over.wait(0.2):
                with suppress(requests.RequestException, KeyError):
                    ask()

        for _ in range(ASKED):
            threading.Thread(target=go_on, daemon=True).start()

    def _drip(self, who: Tenant) -> None:
        house = self.world.house
        for number in range(DRIPS):
            house.image(f"tenants/drip{number}", [200 * KIB])
            self._submit(who, house.reference(f"tenants/drip{number}"), project=f"p{number}")

    def _flood(self, who: Tenant) -> None:
        for number in range(WEBHOOKS):
            who.made("webhooks", {"url": f"{self.silent.url}/{number}"})
        for number in range(FAILING):
            self._submit(who, self.world.house.reference("tenants/nothing", f"v{number}"))

    def _never_end(self, who: Tenant) -> None:
        source = self.world.house.source
        self.world.house.image("tenants/endless", [KIB], tag="t0")
        there = source.repository("tenants/endless").manifests
        there |= {f"t{number}": there["t0"] for number in range(ENDLESS_TAGS)}
        body = {
            "image_url": f"{source.server_name}/tenants/endless",
            "tags": ["t*"],
            "exclude_tags": ["t0"],
            "cron": "0 3 1 1 *",
        }
        self._endless = who, who.made("schedules", body)["id"]
        who.made(f"schedules/{self._endless[1]}/run", {})

    def _submit(self, who: Tenant, reference: str, **fields: Any) -> None:
        task = who.submit(reference, **fields)

        self.world.house.accepted.append(task)

    def _hang(self, _request: Request) -> Reply:
        self.silent._stopping.wait(30)
        return Reply(200)

    def _think(self, _request: Request, _proceed: Callable[[], Reply]) -> Reply:
        self.world.house.source._stopping.wait(THINKS)
        return Reply(404)


_NAMES: Final = frozenset({"dripping", "flooding", "endless", "asking", "reading"})
