"""A target behind a proxy that closes connections on which nothing moves, and sources that take their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from oci.limits import MIB
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, drip
from testbed.services import RegistryServer
from testbed.tcp_proxy import TcpProxy
from tests.oci.copying import Recorder, client, copier, run


@pytest.fixture
def before() -> Iterator[Callable[[str], TcpProxy]]:
    """An impatient proxy before the registry at a URL."""
    made: list[TcpProxy] = []

    def stand(url: str) -> TcpProxy:
        at = urlsplit(url)
        assert at.hostname
        assert at.port
        made.append(TcpProxy((at.hostname, at.port)))
        made[-1].idle_seconds = 1.0
        return made[-1]

    yield stand
    for proxy in made:
        proxy.close()


@pytest.mark.parametrize(
    ("name", "pieces", "size", "seconds"),
    [("quicker", 9, 1_024, 0.7), ("slower", 5, 1_024, 1.4), ("slower-and-larger", 4, 400_000, 1.4)],
)
def test_a_source_that_drips_into_an_impatient_target_ends_right(
    source: ScriptedRegistry,
    before: Callable[[str], TcpProxy],
    registry: RegistryServer,
    name: str,
    pieces: int,
    size: int,
    seconds: float,
) -> None:
    """A piece within the proxy's patience, and each later than that: the target's connection is then closed."""
    image = random_image([pieces * size, 40_000], seed=len(name))
    layer = image.blobs[1].digest
    source.add_image("library/app", "v1", image)
    source.rule("GET", f"/blobs/{layer}", drip(size, seconds))
    proxy, observer = before(registry.url), Recorder()
    target = client(registry, role="target", base_url=f"http://{proxy.address}", on_retry=observer.retried)
    run(copier(source, target, to=f"team/{name}:v1", observer=observer))
    assert registry.verify(f"team/{name}", "v1").digest == image.digest
    assert proxy.counters.idled
    assert len(source.seen("GET", layer)) <= 2, "what was learnt is minded for the rest of the layer"


@pytest.mark.parametrize(("least", "requests"), [("", 2), (str(10 * MIB), 1), ("nonsense", 2)])
def test_what_is_gathered_for_it_is_as_large_as_the_target_asks_for(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    before: Callable[[str], TcpProxy],
    least: str,
    requests: int,
) -> None:
    image = random_image([17 * MIB], seed=5)
    layer = image.blobs[1].digest
    source.add_image("library/app", "v1", image)
    source.rule("GET", f"/blobs/{layer}", drip(6 * MIB, 1.4))
    proxy = before(target.url)

    def at_the_proxy(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        headers = [
            (name, value.replace(target.url, "") if name == "Location" else value)
            for name, value in reply.headers
        ]
        return replace(reply, headers=[*headers, ("OCI-Chunk-Min-Length", least)])

    target.rule("", "/blobs/uploads/", at_the_proxy)
    run(copier(source, client(target, role="target", base_url=f"http://{proxy.address}")))
    assert target.repository("team/app").blobs[layer] == image.blobs[1].data
    sizes = [each.body_bytes for each in target.seen("PATCH")]
    assert len(sizes) == requests
    assert min(sizes) >= (int(least) if least.isdigit() else 8 * MIB)
