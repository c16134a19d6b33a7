"""The running portal's own Redis, registry and web: no target for anything that a user or a registry names."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from testbed.images import random_image
from testbed.scripted_registry import redirect, unauthorised_once
from tests.security.conftest import Siege
from tests.support.networks.canary import Canary

#: A whole portal, on a machine that may be busy with others.
pytestmark = pytest.mark.timeout(480)


def own_ports(siege: Siege) -> dict[str, int]:
    services = siege.portal.services
    found = {name: urlsplit(services[f"{name}_url"]).port for name in ("redis", "registry", "web")}
    return {name: port for name, port in found.items() if port}


def test_nothing_leads_to_a_service_of_the_portal_or_to_its_neighbours(siege: Siege) -> None:
    portal, evil = siege.portal, siege.evil
    evil.sign_in = None
    project = portal.project("own-services")
    begun: dict[tuple[str, str], str] = {}
    with Canary() as canary:
        targets = {**own_ports(siege), "neighbour": canary.port}
        assert len(targets) == 4
        for name, port in targets.items():
            for host in ("127.0.0.1", "localhost", "[::1]", "127.0.0.2"):
                url = f"http://{host}:{port}/v2/"
                for trick, act in (
                    ("redirect", redirect(url)),
                    ("realm", unauthorised_once(f'Bearer realm="{url}",service="s"')),
                ):
                    image = f"own/{trick}-{name}-{len(begun)}"
                    evil.add_image(image, "1", random_image([2048], seed=1))
                    evil.rule("", f"/v2/{image}/", act)
                    begun[trick, url] = portal.submit(project, f"{evil.server_name}/{image}:1")["id"]
        ends = {what: portal.wait(project, task, timeout=180) for what, task in begun.items()}
        assert {what: task["error_code"] for what, task in ends.items()} == dict.fromkeys(
            ends, "blocked_address"
        )
        assert {task["attempts"] for task in ends.values()} == {1}
        assert canary.visits == []
    assert not [line for line in portal.output().splitlines() if "Possible SECURITY ATTACK" in line], (
        "Redis was asked"
    )


@pytest.mark.parametrize("form", ["{host}:{port}/app", "http://{host}:{port}/app", "{host}:{port}/a/b:1"])
def test_a_reference_to_a_service_of_the_portal_is_a_field_error(siege: Siege, form: str) -> None:
    project = siege.portal.project("own-services")
    for name, port in own_ports(siege).items():
        if name == "registry":
            continue  # by its own name it is read with the caller's roles
        for host in ("127.0.0.1", "localhost", "127.0.0.2"):
            body = {"image_url": form.format(host=host, port=port)}
            answer = siege.portal.call("POST", f"/projects/{project}/images/import", body)
            assert (answer.status_code, list(answer.json())) == (400, ["image_url"]), (body, answer.text)
