"""Marks of pages come from outside."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import keyset
from imageimport.views.columns import ORDERS
from tests.accounts.api.test_pagination import NOWHERE
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("moment", [*NOWHERE, "2026-01-01T00:00:00", "yesterday", ""])
def test_a_mark_that_is_not_ours_shows_the_first_page(moment: str) -> None:
    team = Team.make()
    client = Client()
    client.force_login(team.users["maintainer"])
    mark = keyset.encode([moment, str(UUID(int=0))])
    for where in ("imports/", "settings/journal/"):
        answer = client.get(f"/projects/team/{where}", {"before": mark})
        assert answer.status_code == 200
        assert answer.context["page"].first


@pytest.mark.parametrize(
    "mark",
    [
        "nonsense",
        "é",
        "W10=",
        keyset.encode(["2026-01-01T00:00:00+00:00"]),
        keyset.encode([1, 2]),
        "WyJhIl0" * 90,
    ],
)
def test_no_text_of_a_stranger_is_a_mark(mark: str) -> None:
    team = Team.make()
    client = Client()
    client.force_login(team.users["viewer"])
    assert client.get("/projects/team/imports/", {"before": mark}).context["page"].first


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("column", ORDERS)
def test_a_sorted_list_of_images_comes_in_the_order_of_an_index(column: str, sign: str) -> None:
    """Sorting all that a project has for one page takes as long as it has images."""
    team = Team.make()
    for tag in ("1", "2"):
        team.image("app", tag)
    client = Client()
    client.force_login(team.users["viewer"])
    with CaptureQueriesContext(connection) as asked:
        assert client.get(f"/projects/team/?order={sign}{column}").status_code == 200
    (query,) = [each["sql"] for each in asked.captured_queries if "LIMIT 26" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}")
        steps = [row[3] for row in cursor.fetchall()]
    assert not any("USE TEMP B-TREE" in step for step in steps), steps
