"""Coming in through an identity provider, where one is configured."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests

from tests.support.oidc import Provider, provider
from tests.support.portal import PortalProcess

pytestmark = pytest.mark.timeout(240)


def come_in(portal: PortalProcess) -> requests.Session:
    """Click the provider's button and follow all redirects, as a browser does."""
    session = requests.Session()
    page = session.get(f"{portal.url}/accounts/login/", timeout=20)
    action = re.search(r'action="(/accounts/oidc/[^"]*)"', page.text)
    assert action, "the sign-in page offers no identity provider"
    assert "Acme" in page.text
    form = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
    answer = session.post(portal.url + action[1], data=form, allow_redirects=True, timeout=20)
    assert answer.status_code == 200, answer.text[:2000]
    return session


def who(portal: PortalProcess, session: requests.Session) -> str:
    page = session.get(f"{portal.url}/accounts/", allow_redirects=False, timeout=20)
    found = re.search(r"<h1>([^<]*)</h1>", page.text)
    return found[1] if page.status_code == 200 and found else ""


def test_whoever_the_provider_vouches_for_comes_in_and_is_no_member_of_anything(
    make_portal: Callable[..., PortalProcess],
) -> None:
    with provider() as acme:
        acme.claims = {"sub": "42", "preferred_username": "ann", "email": "ann@acme.test", "name": "Ann"}
        portal = make_portal(
            OIDC_SERVER_URL=acme.url, OIDC_CLIENT_ID=acme.client_id, OIDC_CLIENT_SECRET=acme.client_secret,
            OIDC_NAME="Acme",
        )  # fmt: skip
        policy = requests.get(f"{portal.url}/accounts/login/", timeout=20).headers["Content-Security-Policy"]
        assert f"form-action 'self' {acme.url}" in policy
        first = come_in(portal)
        assert who(portal, first) == "ann"
        projects = first.get(f"{portal.url}/api/v1/projects", timeout=20).json()["results"]
        assert projects == []
        assert who(portal, come_in(portal)) == "ann"
        _nobody_takes_over_the_administrator(portal, acme)


def _nobody_takes_over_the_administrator(portal: PortalProcess, acme: Provider) -> None:
    """A stranger who calls himself admin at the provider becomes somebody else here."""
    acme.claims = {"sub": "666", "preferred_username": "admin", "email": "admin@localhost"}
    session = come_in(portal)
    assert who(portal, session) not in ("admin", "")
    assert session.get(f"{portal.url}/admin/", timeout=20).status_code == 403
