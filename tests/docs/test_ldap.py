"""People of an LDAP directory come in, and their groups give roles, by the way that docs/operation.md describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml

from stack.paths import ROOT
from testbed.portal import PortalProcess
from tests.support.services.directory import Connector, Directory, directory
from tests.support.services.oidc import provider

PEOPLE = """\
dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=reader,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reads-the-directory

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: uid=ann,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: ann
cn: Ann (Müller)
sn: Müller
mail: ann@example.com
userPassword: ann's own password

dn: uid=bo,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: bo
cn: Bo
sn: Bo
mail: bo@example.com
userPassword: bo's own password

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

dn: cn=developers,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: developers
member: uid=ann,ou=people,dc=example,dc=com

dn: cn=everybody,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: everybody
member: uid=ann,ou=people,dc=example,dc=com
member: uid=bo,ou=people,dc=example,dc=com
"""
LEAVES = """\
dn: cn=developers,ou=groups,dc=example,dc=com
changetype: modify
replace: member
member: uid=bo,ou=people,dc=example,dc=com
"""


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Directory]:
    with directory(tmp_path / "directory", PEOPLE) as found:
        yield found


def guide() -> tuple[dict[str, Any], dict[str, str]]:
    """The guide's configuration of Dex, and its variables for the portal."""
    text = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    (dex,) = [
        block
        for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        if "type: ldap" in block
    ]
    sentence = text[text.index(dex) + len(dex) :].partition("\n\n## ")[0].partition("\n### ")[0]
    variables = dict(re.findall(r'`(OIDC_[A-Z_]+)="?([^"`]+)"?`', sentence))
    return yaml.safe_load(dex), variables


def connector(people: Directory) -> Connector:
    """The guide's, with the address and the password of the directory here."""
    (found,) = guide()[0]["connectors"]
    return Connector(people.url, {**found["config"], "bindPW": "reads-the-directory"})


def test_a_wrong_password_an_empty_one_and_a_pattern_for_a_name_are_nobody(people: Directory) -> None:
    asked = connector(people)
    found = asked.claims("ann", "ann's own password", {"openid", "groups"})
    assert found is not None
    assert (found["preferred_username"], found["name"]) == ("ann", "Ann (Müller)")
    assert sorted(found["groups"]) == ["developers", "everybody"]
    for name, password in (
        ("ann", "bo's own password"),
        ("ann", ""),
        ("an*", "ann's own password"),
        ("cy", "x"),
    ):
        assert asked.claims(name, password, {"groups"}) is None
    without = asked.claims("ann", "ann's own password", {"openid"})
    assert without is not None
    assert "groups" not in without


def test_a_person_of_the_directory_comes_in_and_their_groups_give_the_role_until_they_leave(
    people: Directory, make_portal: Callable[..., PortalProcess]
) -> None:
    dex, variables = guide()
    with provider() as stands_before:
        stands_before.people = connector(people).claims
        here = {"OIDC_SERVER_URL": stands_before.url, "OIDC_CLIENT_SECRET": stands_before.client_secret}
        portal = make_portal(**variables | here)
        assert variables["OIDC_CLIENT_ID"] == dex["staticClients"][0]["id"]
        project = portal.project("library")
        portal.call("POST", f"/projects/{project}/groups", {"group": "developers", "role": "developer"})
        assert _sign_in(portal, dex, "ann", "not ann's password") is None
        assert _roles(portal, _sign_in(portal, dex, "ann", "ann's own password")) == ["developer"]
        assert _roles(portal, _sign_in(portal, dex, "bo", "bo's own password")) == []
        people.change(LEAVES)
        assert _roles(portal, _sign_in(portal, dex, "ann", "ann's own password")) == []
        assert _roles(portal, _sign_in(portal, dex, "bo", "bo's own password")) == ["developer"]


def _sign_in(portal: PortalProcess, dex: dict[str, Any], name: str, password: str) -> requests.Session | None:
    """As a browser does it: the portal's button, the provider's form, and back; None where the provider refuses."""
    session = requests.Session()
    page = session.get(f"{portal.url}/accounts/login/", timeout=30)
    action = re.search(r'action="(/accounts/oidc/[^"]*)"', page.text)
    assert action, "the sign-in page offers no identity provider"
    form = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
    asked = session.post(portal.url + action[1], data=form, timeout=30)
    back = parse_qs(urlsplit(asked.url).query)["redirect_uri"][0]
    (allowed,) = dex["staticClients"][0]["redirectURIs"]
    assert urlsplit(back).path == urlsplit(allowed).path
    answer = session.post(asked.url, data={"username": name, "password": password}, timeout=30)
    if answer.status_code == 401:
        return None
    assert answer.status_code == 200, answer.text[:2000]
    assert session.get(f"{portal.url}/accounts/", allow_redirects=False, timeout=30).status_code == 200
    return session


def _roles(portal: PortalProcess, session: requests.Session | None) -> list[str]:
    assert session is not None
    answer = session.get(f"{portal.url}/api/v1/projects", timeout=30)
    return [row["role"] for row in answer.json()["results"]]
