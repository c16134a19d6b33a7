"""Accounts in line: those that were never served first, then those for whom it is longest ago."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from imageimport import turns
from imageimport.models import AccountTurn
from imageimport.turns import Kind

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


def test_an_account_is_a_person_over_all_projects_or_a_project_without_one() -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    assert turns.account_of(7, one) == turns.account_of(7, other) == "user:7"
    assert turns.account_of(None, one) == turns.project_account(one) != turns.account_of(None, other)


@pytest.mark.django_db
def test_who_was_served_is_last_in_line_for_that_kind_alone() -> None:
    first, second = list(Kind)[:2]
    turns.note(first, {"user:1", "user:2"}, NOW)
    turns.note(first, {"user:1"}, NOW + dt.timedelta(seconds=1))
    served = turns.served_at(first, {"user:1", "user:2", "user:3"})
    line = sorted(["user:1", "user:2", "user:3"], key=lambda account: turns.longest_ago(served, account))
    assert line == ["user:3", "user:2", "user:1"]
    assert turns.served_at(second, {"user:1", "user:2"}) == {}
    assert AccountTurn.objects.count() == 2, "a row for each, however often it is served"
