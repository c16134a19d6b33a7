"""The weekly digest in the API."""

from __future__ import annotations

import pytest

from tests.imageimport.webhooks.conftest import server
from tests.support.people import Team, call
from tests.support.services.mail_server import MailServer

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team() -> Team:
    return Team.make()


def test_the_api_says_it_starts_it_and_ends_it(server: MailServer, team: Team) -> None:
    path, headers = f"/projects/{team.project.pk}/digest", team.bearer("viewer")
    nothing = {"subscribed": False, "email": "team-viewer@example.test", "next_at": None}
    assert call("GET", path, None, headers).json() == nothing
    made = call("POST", path, None, headers).json()
    assert made["subscribed"] and made["next_at"].endswith("Z")
    assert call("GET", path, None, headers).json() == made
    assert call("GET", path, None, team.bearer("owner")).json()["subscribed"] is False, "one's own only"
    assert call("DELETE", path, None, headers).status_code == 204
    assert call("GET", path, None, headers).json() == nothing
