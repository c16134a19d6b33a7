"""Texts are texts."""

from __future__ import annotations

import pytest

from tests.support.people import bearer, call, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("value", [1.20, 7, True, [], {}])
def test_a_number_is_no_text(value: object) -> None:
    headers = bearer(make_user("ann"))
    for body in ({"name": value}, {"name": "web", "description": value}):
        answer = call("POST", "/projects", body, headers)
        assert answer.status_code == 400
        assert len(answer.json()) == 1
