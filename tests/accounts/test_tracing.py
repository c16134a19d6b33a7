"""The id of the request, in letters that can do no harm."""

from __future__ import annotations

import pytest
from structlog.contextvars import bound_contextvars

from accounts.tracing import MAX_CHARS, current_request_id


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("3f1c-9.a_B", "3f1c-9.a_B"),
        ("a\nb\r\x1b[31m c", "ab31mc"),
        ("x" * 500, "x" * MAX_CHARS),
        ("\u00e9\u4e2d", ""),
        (None, ""),
    ],
)
def test_it_is_told_without_what_could_do_harm(said: str | None, told: str) -> None:
    with bound_contextvars(request_id=said):
        assert current_request_id() == told


def test_outside_requests_there_is_none() -> None:
    assert current_request_id() == ""
