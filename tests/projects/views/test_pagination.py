"""Marks of pages come from outside."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest
from django.test import Client

from tests.accounts.api.test_pagination import NOWHERE
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("moment", [*NOWHERE, "2026-01-01T00:00:00", "yesterday", ""])
def test_a_mark_that_is_not_ours_shows_the_first_page(moment: str) -> None:
    team = Team.make()
    client = Client()
    client.force_login(team.users["maintainer"])
    mark = base64.urlsafe_b64encode(f"{moment} {UUID(int=0)}".encode()).decode()
    for where in ("imports/", "settings/journal/"):
        answer = client.get(f"/projects/team/{where}", {"before": mark})
        assert answer.status_code == 200
        assert answer.context["page"].first
