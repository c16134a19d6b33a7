"""Passwords of the operator's proxies and mirrors, and imports by them to every end that they may come to."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from testbed.images import random_image
from testbed.scripted_proxy import Fault, ScriptedProxy
from tests.security.conftest import Siege
from tests.support.networks.near_portal import SEEN_BY_WORKERS

PROXY_USER, PROXY = "portal", "cANARY:proxy/8"
#: The source takes this account from everybody, so that an import by a proxy can be signed in as well.
MIRROR_USER, MIRROR = "mirrored", "cANARY-mirror-9"


def by_ways_of_the_operator(siege: Siege, project: str) -> None:
    """Imports by a mirror with an account, and by proxies that are away, refuse, reject, or die inside a layer."""
    portal, evil = siege.portal, siege.evil
    evil.add_image("kept/long", "1", random_image([2_000_000], seed=9))
    name = "{}.proxied.example"
    with ExitStack() as stack:
        hosts = {name.format("dead"): evil.host}
        proxies = {
            kind: stack.enter_context(ScriptedProxy(account=(PROXY_USER, PROXY), hosts=hosts))
            for kind in ("absent", "refuses", "rejects", "dead")
        }
        proxies["absent"].close()
        proxies["refuses"].fault = Fault(status=403, headers=["Server: tinyproxy/1.11"])
        proxies["rejects"].fault = Fault(status=407)
        proxies["dead"].cut_after = 1_000_000
        rules: list[dict[str, Any]] = [
            {
                "pattern": name.format(kind),
                "proxy": f"http://{PROXY_USER}@{proxy.name}",
                "proxy_password": PROXY,
                "insecure": kind == "dead",
            }
            for kind, proxy in proxies.items()
        ]
        mirror = {"url": evil.url, "username": MIRROR_USER, "password": MIRROR}
        rules.append({"pattern": "mirrored.example", "mirrors": [mirror], "mirrors_only": True})
        ids = []
        for rule in rules:
            answer = portal.call("POST", "/sources", rule)
            assert answer.status_code == 201, answer.text
            ids.append(answer.json()["id"])
        time.sleep(SEEN_BY_WORKERS)
        begun = {
            kind: portal.submit(
                project,
                f"{name.format(kind)}:{evil.port}/kept/long:1",
                target_name=f"by-{kind}",
                **({"username": MIRROR_USER, "password": MIRROR} if kind == "dead" else {}),
            )
            for kind in (*proxies, "env")
        }
        begun["mirror"] = portal.submit(project, "mirrored.example/kept/long:1", target_name="by-mirror")
        ends = {kind: portal.wait(project, task["id"], timeout=150) for kind, task in begun.items()}
        for id_ in ids:
            portal.call(
                "POST", f"/sources/{id_}/test", {"image_url": f"{name.format('refuses')}/kept/long:1"}
            )
    assert {kind: task["error_code"] for kind, task in ends.items()} == {
        "absent": "proxy_error", "refuses": "proxy_error", "rejects": "proxy_error", "env": "proxy_error",
        "dead": "", "mirror": "",
    }, ends  # fmt: skip
    for kind in ("absent", "refuses", "rejects"):
        assert proxies[kind].name in ends[kind]["error"]
