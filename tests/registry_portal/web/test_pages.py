"""Addresses that only take forms, opened in a browser; and the page of a fault."""

from __future__ import annotations

from unittest import mock

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory

from registry_portal.web import pages
from tests.support.addresses import addresses
from tests.support.people import Team

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
#: For every argument of every route; nothing needs to be there.
VALUES = dict.fromkeys((argument for address in addresses() for argument in address.arguments), 1)
VALUES |= {name: "01a21a7d-94f7-710a-ae2d-0825cf59fe33" for name in VALUES if name.endswith("_id")}  # type: ignore[misc]
VALUES |= {"name": "team", "pk": "01a21a7d-94f7-710a-ae2d-0825cf59fe33"}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/accounts/tokens/", "/accounts/"),
        ("/accounts/password/", "/accounts/"),
        ("/projects/team/import/plan/", "/projects/team/import/"),
        ("/projects/team/import/sign-in/", "/projects/team/import/"),
    ],
)
def test_a_page_that_came_of_a_form_can_be_reloaded_by_its_address(db: None, path: str, target: str) -> None:
    team = Team.make()
    client = Client(headers=BROWSER)
    client.force_login(team.users["owner"])
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, target)
    assert client.get(target).status_code == 200


def test_no_address_shows_a_browser_an_empty_page(db: None) -> None:
    team = Team.make()
    client = Client(headers=BROWSER)
    client.force_login(team.users["superuser"])
    led = 0
    for address in addresses():
        if address.is_admin or address.is_api or address.is_pattern:
            continue
        answer = client.get(address.path(VALUES))
        assert answer.status_code != 405, str(address)
        led += answer.status_code == 302
    assert led > 10


def test_programs_are_told_that_an_address_only_takes_forms(db: None) -> None:
    owner = Team.make().users["owner"]
    for client in (
        Client(),
        Client(headers={"accept": "*/*"}),
        Client(headers={"accept": "application/json"}),
    ):
        client.force_login(owner)
        answer = client.get("/accounts/tokens/")
        assert (answer.status_code, answer["Allow"]) == (405, "POST")
    browser = Client(headers=BROWSER)
    browser.force_login(owner)
    assert browser.put("/accounts/tokens/").status_code == 405


def fault(request: HttpRequest) -> str:
    answer = pages.server_error(request)
    assert answer.status_code == 500
    return answer.content.decode()


def test_the_page_of_a_fault_leads_on(db: None) -> None:
    request = RequestFactory().get("/projects/team/")
    request.user = Team.make().users["owner"]
    request.session = SessionStore()
    page = fault(request)
    assert '<header class="bar">' in page and '<footer class="foot">' in page
    assert "team-owner" in page


def test_the_page_of_a_fault_is_whole_while_the_database_is_away(db: None) -> None:
    class Away:
        def __getattr__(self, name: str) -> object:
            raise OperationalError("away")

    request = RequestFactory().get("/projects/team/")
    request.user = Away()  # type: ignore[assignment]
    with mock.patch.object(pages.log, "exception") as said:
        page = fault(request)
    assert said.called
    assert '<header class="bar">' in page and '<footer class="foot">' in page
    assert "An error occurred in the portal" in page
