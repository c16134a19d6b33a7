"""Over TLS: a whole copy, a cancel, and the one-way street from https to http."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from oci.cancel import CancelToken
from oci.egress.door import Door, EgressPolicy
from oci.errors import Canceled, OciError
from oci.registry.auth.credentials import Credential
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_auth import BearerSignIn, TokenServer
from testbed.scripted_registry import ScriptedRegistry, cut, redirect, stall
from tests.oci.copying import HOSTS, Recorder, client, copier, run

#: Over one connection, and in parts.
pytestmark = pytest.mark.usefixtures("in_parts")

IMAGE = random_image([3_000_320, 20_000], seed=161)
BLOB = f"/blobs/{IMAGE.blobs[1].digest}"
Make = Callable[..., ScriptedRegistry]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA, make_scripted: Make) -> ScriptedRegistry:
    """A source that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    made = make_scripted(tls=context)
    made.add_image("library/app", "v1", IMAGE)
    return made


@pytest.fixture
def door(authority: trustme.CA, tmp_path: Path) -> Door:
    """Trusts the authority, and allows plain HTTP everywhere on loopback: even so https does not lead there."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    policy = EgressPolicy(private_sources=HOSTS, insecure_sources=HOSTS, ca_file=str(bundle))
    return Door(policy)


def _from(secure: ScriptedRegistry, target: ScriptedRegistry, door: Door, **more: Any) -> Any:
    return copier(secure, target, source_options={"door": door, **more.pop("source_options", {})}, **more)


def test_an_image_comes_over_tls_also_after_a_cut(
    secure: ScriptedRegistry, target: ScriptedRegistry, door: Door
) -> None:
    secure.rule("GET", BLOB, cut(2_000_000, "end"), times=1)
    assert run(_from(secure, target, door)).image.digest == IMAGE.digest
    assert target.repository("team/app").blobs.keys() == {blob.digest for blob in IMAGE.blobs}


def test_connections_over_tls_are_kept(secure: ScriptedRegistry, door: Door) -> None:
    reader = client(secure, door=door)
    for _ in range(4):
        Repository(reader, "library/app").get_manifest("v1")
    assert secure.connections == 1


def test_a_cancel_inside_a_layer_over_tls(
    secure: ScriptedRegistry, target: ScriptedRegistry, door: Door
) -> None:
    secure.rule("GET", BLOB, stall(1_500_000))
    cancel, observer = CancelToken(), Recorder()
    made = _from(secure, target, door, cancel=cancel, observer=observer, source_options={"stall_seconds": 60})
    made.sign_in()
    canceled_at = 0.0

    def cancel_soon() -> None:
        nonlocal canceled_at
        assert observer.moving.wait(60)
        time.sleep(0.2)
        canceled_at = time.monotonic()
        cancel.cancel()

    thread = threading.Thread(target=cancel_soon)
    thread.start()
    with pytest.raises(Canceled):
        made.pull()
    assert time.monotonic() - canceled_at < 30
    thread.join()
    made.cleanup()
    assert target.repository("team/app").uploads == {}


def test_https_does_not_redirect_to_http(
    secure: ScriptedRegistry, target: ScriptedRegistry, make_scripted: Make, door: Door
) -> None:
    plain = make_scripted(host="127.0.0.2")
    plain.add_image("library/app", "v1", IMAGE)
    secure.rule("GET", BLOB, redirect(plain.url + "{path}"))
    with pytest.raises(OciError, match="plain HTTP") as caught:
        run(_from(secure, target, door))
    assert caught.value.code == "blocked_address"
    assert not plain.requests


def test_http_that_came_to_https_does_not_go_back_to_http(
    source: ScriptedRegistry, secure: ScriptedRegistry, make_scripted: Make, door: Door
) -> None:
    plain = make_scripted(host="127.0.0.2")
    plain.add_image("library/app", "v1", IMAGE)
    source.rule("GET", "/manifests/", redirect(secure.url + "{path}"))
    secure.rule("GET", "/manifests/", redirect(plain.url + "{path}"))
    with pytest.raises(OciError, match="plain HTTP"):
        Repository(client(source, door=door), "library/app").get_manifest("v1")
    assert secure.requests and not plain.requests


def test_a_password_for_https_is_not_shown_to_a_token_server_over_http(
    secure: ScriptedRegistry, door: Door
) -> None:
    with TokenServer(accounts={"ada": "secret"}) as tokens:
        secure.sign_in = BearerSignIn(tokens)
        credential = Credential(secure.server_name, "ada", "secret")
        with pytest.raises(OciError):
            Repository(client(secure, door=door, credential=credential), "library/app").get_manifest("v1")
        assert not [each for each in tokens.requests if each.authorization]


def test_an_unknown_authority_is_a_tls_error(secure: ScriptedRegistry) -> None:
    plain_door = Door(EgressPolicy(private_sources=HOSTS))
    with pytest.raises(OciError) as caught:
        client(secure, door=plain_door).ping()
    assert caught.value.code == "tls_error"
    assert not caught.value.retryable
