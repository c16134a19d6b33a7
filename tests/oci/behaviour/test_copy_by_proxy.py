"""Whole copies through proxies: what breaks in the middle goes on, and the password stays with its proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from oci.egress.door import Door, EgressPolicy
from oci.egress.proxies import parse_rules
from oci.errors import OciError
from oci.registry.mirrors import MirroredSource
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_proxy import Fault, ScriptedProxy
from testbed.scripted_registry import ScriptedRegistry, redirect
from tests.oci.copying import HOSTS, Recorder, client, copier, run

#: Over one connection, and in parts.
pytestmark = pytest.mark.usefixtures("in_parts")

IMAGE = random_image([2_999_808], seed=31)
LAYER = IMAGE.blobs[1]
KINDS = ("http", "socks5", "socks5h")


@pytest.fixture
def proxy() -> Iterator[ScriptedProxy]:
    with ScriptedProxy(account=("user", "secret-9")) as made:
        yield made


def by(rules: str) -> Door:
    """A door to loopback by ``rules``."""
    return Door(
        EgressPolicy(
            private_sources=(*HOSTS, "127.0.0.0/8"), insecure_sources=HOSTS, proxies=parse_rules(rules, {})
        )
    )


def _came(target: ScriptedRegistry) -> None:
    assert target.repository("team/app").blobs == {blob.digest: blob.data for blob in IMAGE.blobs}
    assert target.repository("team/app").manifests["v1"][1] == IMAGE.manifest.data


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_comes_by_a_proxy_and_the_client_says_which(
    source: ScriptedRegistry, target: ScriptedRegistry, proxy: ScriptedProxy, kind: str
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    reader = client(source, door=by(f"*={proxy.url(kind, 'user:secret-9')}"))
    assert reader.via == ""
    run(copier(reader, target))
    _came(target)
    assert reader.via == proxy.name
    assert len(proxy.asked) >= 1
    assert all("proxy-authorization" not in request.headers for request in source.requests)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_goes_on_where_its_proxy_was_gone_in_the_middle(
    source: ScriptedRegistry, target: ScriptedRegistry, proxy: ScriptedProxy, kind: str, in_parts: bool
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    proxy.cut_after = 2_000_000
    observer = Recorder()
    reader = client(
        source,
        door=by(f"*={proxy.url(kind, 'user:secret-9')}"),
        on_wait=observer.waiting,
        on_retry=observer.retried,
    )
    run(copier(reader, target, observer=observer))
    _came(target)
    ranges = [
        each.headers["range"].removeprefix("bytes=")
        for each in source.seen("GET", f"/blobs/{LAYER.digest}")
        if each.headers.get("range")
    ]
    if in_parts:
        assert len(ranges) > 1
    else:
        (only,) = ranges
        assert int(only.removesuffix("-")) > 500_000
        assert observer.retries == 1
    assert "secret-9" not in str(observer.waits)


def test_a_proxy_that_stays_away_ends_the_import_by_its_name(
    source: ScriptedRegistry, target: ScriptedRegistry, proxy: ScriptedProxy
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    proxy.fault = Fault(raw=b"")
    with pytest.raises(OciError) as failed:
        run(copier(client(source, door=by(f"*={proxy.url()}")), target))
    assert failed.value.code == "proxy_error"
    assert proxy.name in str(failed.value)
    assert "v1" not in target.repository("team/app").manifests


def test_redirects_and_realms_are_matched_by_their_own_names(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    proxy: ScriptedProxy,
    make_scripted: Callable[..., ScriptedRegistry],
) -> None:
    storage = make_scripted(host="127.0.0.3")
    source.add_image("library/app", "v1", IMAGE)
    storage.add_image("library/app", "v1", IMAGE)
    source.rule(
        "GET", f"/blobs/{LAYER.digest}", redirect(f"{storage.url}/v2/library/app/blobs/{LAYER.digest}")
    )
    reader = client(source, door=by(f"127.0.0.3={proxy.url('socks5', 'user:secret-9')}"))
    run(copier(reader, target))
    _came(target)
    assert {each.target for each in proxy.asked} == {f"127.0.0.3:{storage.port}"}
    assert reader.via == proxy.name


@pytest.mark.parametrize("where", ["redirect", "realm"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_or_realm_to_a_forbidden_literal_reaches_no_proxy(
    source: ScriptedRegistry, target: ScriptedRegistry, kind: str, where: str
) -> None:
    with ScriptedProxy() as proxy:
        source.add_image("library/app", "v1", IMAGE)
        if where == "redirect":
            source.rule("GET", f"/blobs/{LAYER.digest}", redirect("https://169.254.169.254/latest"))
        else:
            challenge = 'Bearer realm="https://10.9.8.7/token",service="s"'
            source.rule("GET", "/v2/", Reply(status=401, headers=[("WWW-Authenticate", challenge)]))
            source.rule("HEAD", "/manifests/", Reply(status=401, headers=[("WWW-Authenticate", challenge)]))
        reader = client(source, door=by(f"*={proxy.url(kind)}"))
        with pytest.raises(OciError) as failed:
            run(copier(reader, target))
        assert failed.value.code == "blocked_address"
        assert {each.target.removeprefix("http://").partition("/")[0] for each in proxy.asked} == {
            f"127.0.0.1:{source.port}"
        }


def test_via_names_the_mirror_and_its_proxy(
    source: ScriptedRegistry, target: ScriptedRegistry, proxy: ScriptedProxy
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    mirror = client(
        source, registry="docker.io", base_url=source.url, door=by(f"*={proxy.url('http', 'user:secret-9')}")
    )
    direct = client(source, registry="docker.io", base_url=source.url)
    both = MirroredSource([Repository(place, "library/app") for place in (mirror, direct)])
    assert both.via == ""
    run(copier(both, target))
    assert both.via == f"{source.server_name} through {proxy.name}"
    assert direct.via == source.server_name
