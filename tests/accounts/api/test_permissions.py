"""What a token may do, whatever its user may."""

from __future__ import annotations

import pytest

from tests.support.people import bearer, call, make_user

pytestmark = pytest.mark.django_db


def test_a_read_token_reads_and_changes_nothing() -> None:
    headers = bearer(make_user("ann"), scope="read")
    assert call("GET", "/projects", headers=headers).status_code == 200
    answer = call("POST", "/projects", {"name": "mine"}, headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "insufficient_scope"
