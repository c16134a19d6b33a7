"""Coming in through an identity provider, where one is configured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import requests

from stack.services.ports import free_port, is_free
from stack.services.spec import ServiceSpec
from testbed.portal import PortalProcess
from testbed.processes import Running
from tests.support.services.oidc import Provider, come_in, provider, who

pytestmark = pytest.mark.timeout(240)
#: What comes through the proxy comes from here.
BEHIND: Final = "127.0.0.5"


@contextmanager
def tinyproxy(directory: Path) -> Iterator[str]:
    """A real proxy that wants a password; its URL."""
    port = free_port()
    (directory / "tinyproxy.conf").write_text(
        f"Port {port}\nListen 127.0.0.1\nBind {BEHIND}\nBasicAuth portal secret-o\nLogLevel Critical\n"
    )
    spec = ServiceSpec(
        name="tinyproxy",
        argv=["tinyproxy", "-d", "-c", str(directory / "tinyproxy.conf")],
        ready=lambda: not is_free(port),
    )
    with Running(spec, directory / "tinyproxy.log").start():
        yield f"http://portal:secret-o@127.0.0.1:{port}"


def enter(portal: PortalProcess) -> requests.Session:
    """Come in by the provider."""
    return come_in(portal.url, requests.Session())


def test_whoever_the_provider_vouches_for_comes_in_and_is_no_member_of_anything(
    make_portal: Callable[..., PortalProcess], tmp_path: Path
) -> None:
    with provider() as acme, tinyproxy(tmp_path) as proxy:
        acme.claims = {"sub": "42", "preferred_username": "ann", "email": "ann@acme.test", "name": "Ann"}
        portal = make_portal(
            OIDC_SERVER_URL=acme.url, OIDC_CLIENT_ID=acme.client_id, OIDC_CLIENT_SECRET=acme.client_secret,
            OIDC_NAME="Acme", OIDC_GROUPS_CLAIM="groups", OIDC_PROXY=proxy,
        )  # fmt: skip
        policy = requests.get(f"{portal.url}/accounts/login/", timeout=20).headers["Content-Security-Policy"]
        assert f"form-action 'self' {acme.url}" in policy
        first = enter(portal)
        assert who(portal.url, first) == "ann"
        # The browser goes there itself; all that the portal asks goes by the proxy.
        assert {address for path, address in acme.asked if path != "/authorize"} == {BEHIND}
        assert {"/.well-known/openid-configuration", "/token"} <= {path for path, _ in acme.asked}
        assert ("/authorize", "127.0.0.1") in acme.asked
        projects = first.get(f"{portal.url}/api/v1/projects", timeout=20).json()["results"]
        assert projects == []
        assert who(portal.url, enter(portal)) == "ann"
        _groups_give_roles_until_the_next_sign_in_without_them(portal, acme)
        _nobody_takes_over_the_administrator(portal, acme)


def _groups_give_roles_until_the_next_sign_in_without_them(portal: PortalProcess, acme: Provider) -> None:
    project, api = portal.project("library"), f"{portal.url}/api/v1/projects"
    body = {"group": "dev", "role": "developer"}
    portal.call("POST", f"/projects/{project}/groups", body)
    acme.claims["groups"] = ["dev", "all"]
    roles = [row["role"] for row in enter(portal).get(api, timeout=20).json()["results"]]
    assert roles == ["developer"]
    del acme.claims["groups"]
    assert enter(portal).get(api, timeout=20).json()["results"] == []


def _nobody_takes_over_the_administrator(portal: PortalProcess, acme: Provider) -> None:
    """A stranger who calls himself admin at the provider becomes somebody else here."""
    acme.claims = {"sub": "666", "preferred_username": "admin", "email": "admin@localhost"}
    session = enter(portal)
    assert who(portal.url, session) not in ("admin", "")
    assert session.get(f"{portal.url}/admin/", timeout=20).status_code == 403
