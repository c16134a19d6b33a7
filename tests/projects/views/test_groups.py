"""The page gives and takes roles of groups."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from projects.models import GroupRole
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return Team.make()


def test_the_page_gives_and_takes_roles_where_groups_are_read(team: Team, settings: Any) -> None:
    settings.OIDC_GROUPS_CLAIM = ""
    client = Client()
    client.force_login(team.users["maintainer"])
    page = "/projects/team/settings/"
    assert "/groups/new/" not in client.get(page).content.decode()
    settings.OIDC_GROUPS_CLAIM = "groups"
    assert "/groups/new/" in client.get(page).content.decode()
    assert client.post(f"{page}groups/new/", {"group": "dev", "role": "developer"}).status_code == 302
    row = GroupRole.objects.get()
    assert f"/groups/{row.pk}/remove/" in client.get(page).content.decode()
    client.post(f"{page}groups/new/", {"group": "bosses", "role": "owner"})
    assert not GroupRole.objects.filter(group="bosses").exists()
    assert client.post(f"{page}groups/{row.pk}/remove/").status_code == 302
    assert not GroupRole.objects.exists()
