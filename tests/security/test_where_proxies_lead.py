"""The same tricks as without a proxy, through each kind of one: what can be judged here never reaches it.

A *name* that an ``http`` or ``socks5h`` proxy looks up can't be judged here: those of the corpus are left to
``socks5``, which is given addresses.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.exceptions import FieldErrors
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.webhooks import sender
from imageimport.webhooks.sender import Parcel, Receiver
from oci.egress.proxies import parse_rules
from testbed.scripted_proxy import ScriptedProxy
from testbed.scripted_registry import ScriptedRegistry
from tests.security.test_where_imports_lead import TRICKS, Trick, lead
from tests.support.factories import ProjectFactory
from tests.support.networks.canary import Canary
from tests.support.networks.forbidden import FORBIDDEN_REFERENCES, FORBIDDEN_URLS, NAMES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_free")]
KINDS = ("http", "socks5", "socks5h")
Work = Callable[[], list[ImportTask]]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def proxy(kind: str, settings: Any) -> Iterator[ScriptedProxy]:
    """All sources are reached by it; where it is asked for is remembered, and names lead as the resolver says."""
    with ScriptedProxy(hosts={name: addresses[0] for name, addresses in NAMES.items()}) as made:
        settings.IMPORT_PROXIES = parse_rules(f"*={made.url(kind)}", {})
        yield made


def judged(texts: tuple[str, ...], kind: str) -> list[str]:
    """Without the names that only the proxy could judge."""
    return [each for each in texts if kind == "socks5" or not any(name in each for name in NAMES)]


def goals(proxy: ScriptedProxy) -> set[str]:
    """Hosts and ports that a proxy was asked for, by CONNECT or whole URL."""
    return {each.target.removeprefix("http://").partition("/")[0] for each in proxy.asked}


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
def test_a_registry_leads_a_proxy_to_no_forbidden_address(
    trick: Trick,
    kind: str,
    proxy: ScriptedProxy,
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    canary: Canary,
    work: Work,
) -> None:
    urls = [each.format(port=canary.port, allowed=evil.server_name) for each in judged(FORBIDDEN_URLS, kind)]
    if (
        kind != "socks5"
    ):  # The same judge: each trick with a third of them, and each of them with two tricks or three.
        urls = urls[TRICKS.index(trick) % 3 :: 3]
    lead(evil, trick, urls, ProjectFactory())
    tasks = work()
    assert goals(proxy) == {evil.server_name}
    assert canary.visits == []
    assert trick.harmless or {task.error_code for task in tasks} <= {"blocked_address", "protocol_error"}


def test_a_registry_leads_no_connect_to_a_forbidden_address(
    kind: str,
    proxy: ScriptedProxy,
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    canary: Canary,
    work: Work,
) -> None:
    """By https, which an HTTP proxy is asked for by CONNECT."""
    urls = [
        each.format(port=canary.port, allowed=evil.server_name).replace("http://", "https://")
        for each in judged(FORBIDDEN_URLS, kind)
    ]
    lead(evil, TRICKS[0], urls, ProjectFactory())
    assert {task.error_code for task in work()} <= {"blocked_address", "protocol_error"}
    assert goals(proxy) == {evil.server_name}
    assert canary.visits == []


def test_a_reference_leads_a_proxy_to_no_forbidden_address(
    kind: str,
    proxy: ScriptedProxy,
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    canary: Canary,
    work: Work,
) -> None:
    project = ProjectFactory()
    for number, template in enumerate(judged(FORBIDDEN_REFERENCES, kind)):
        request = ImportRequest(image_url=template.format(port=canary.port), target_name=f"n{number}")
        try:
            services.submit(project=project, user=None, request=request)
        except FieldErrors as refused:
            assert list(refused.errors) == ["image_url"], template
    assert {task.error_code for task in work()} <= {"blocked_address"}
    assert proxy.asked == []
    assert canary.visits == []


def test_a_webhook_leads_a_proxy_to_no_forbidden_address(
    kind: str, proxy: ScriptedProxy, names: None, canary: Canary, settings: Any
) -> None:
    settings.WEBHOOK_PROXY, settings.IMPORT_PROXIES = settings.IMPORT_PROXIES, ()
    for template in judged(FORBIDDEN_URLS, kind):
        for scheme in ("http://", "https://"):
            url = template.format(port=canary.port, allowed="hooks.example").replace("http://", scheme)
            receipt = sender.send(
                Parcel(Receiver(url), uuid.uuid4(), "import.failed", {"event": "import.failed"})
            )
            assert receipt.error is not None, url
            assert receipt.error.code in ("blocked_address", "protocol_error"), (url, receipt.error)
    assert proxy.asked == []
    assert canary.visits == []


def test_own_services_and_ports_of_others_are_no_goal_of_a_proxy(
    kind: str,
    proxy: ScriptedProxy,
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    canary: Canary,
    work: Work,
    settings: Any,
) -> None:
    settings.IMPORT_PRIVATE_SOURCES = ["127.0.0.0/8", "[::1]"]
    settings.OWN_ENDPOINTS = [
        ("127.0.0.1", canary.port),
        ("127.0.0.1", target.port),
        ("own.example", canary.port),
    ]
    urls = [
        *(f"http://127.0.0.1:{port}/v2/" for port in (canary.port, target.port)),
        *(f"{scheme}://own.example:{canary.port}/v2/" for scheme in ("http", "https")),
        *(f"https://far.example:{port}/v2/" for port in (22, 25, 2375, 3128, 6379, 10250)),
    ]
    for trick in (TRICKS[0], TRICKS[2]):
        lead(evil, trick, urls, ProjectFactory())
    assert {task.error_code for task in work()} == {"blocked_address"}
    assert goals(proxy) == {evil.server_name}
    assert canary.visits == []


def test_the_same_trick_does_lead_a_proxy_to_a_host_that_is_allowed(
    kind: str,
    proxy: ScriptedProxy,
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    friend: Canary,
    work: Work,
) -> None:
    """So that the tests above can fail."""
    lead(evil, TRICKS[0], [f"http://allowed.example:{friend.port}/x"], ProjectFactory())
    work()
    there = "127.0.0.2" if kind == "socks5" else "allowed.example"
    assert goals(proxy) == {evil.server_name, f"{there}:{friend.port}"}
    assert friend.visits
