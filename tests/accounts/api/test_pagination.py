"""Cursor pages, seen through lists that hold many rows of the same moment."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F
from django.db.models.functions import Length
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from accounts.api.pagination import CursorPages
from accounts.models import ApiToken
from accounts.sign_in.tokens import create_token
from tests.support.people import bearer, call, make_user

pytestmark = pytest.mark.django_db


def fill(user: Any, count: int) -> None:
    """Rows of one moment, as a bulk insert writes them."""
    now = timezone.now()
    ApiToken.objects.bulk_create(
        ApiToken(user=user, prefix=f"p{number:05}", digest="0" * 64, created_at=now)
        for number in range(count)
    )


def walk(url: str, headers: dict[str, str], *, link: str = "next") -> list[list[str]]:
    pages, following = [], url
    while following:
        body = call("GET", following.partition("/api/v1")[2] or following, headers=headers).json()
        assert body.keys() == {"next", "previous", "results"}
        pages.append([row["id"] for row in body["results"]])
        url, following = following, body[link]
        assert len(pages) < 100
    return pages


def test_rows_of_the_same_moment_are_each_seen_once() -> None:
    user = make_user("ann")
    headers = bearer(user)
    fill(user, 1205)
    pages = walk("/auth/tokens?page_size=100", headers)
    seen = [row for page in pages for row in page]
    assert len(seen) == len(set(seen)) == 1206
    assert [len(page) for page in pages] == [100] * 12 + [6]


def test_the_way_back_shows_the_same_pages() -> None:
    user = make_user("ann")
    headers = bearer(user)
    fill(user, 26)
    there = walk("/auth/tokens?page_size=10", headers)
    last = call("GET", "/auth/tokens?page_size=10", headers=headers).json()["next"]
    last = call("GET", last.partition("/api/v1")[2], headers=headers).json()["next"]
    assert walk(last.partition("/api/v1")[2], headers, link="previous") == there[::-1]


def test_rows_that_come_in_meanwhile_shift_nothing() -> None:
    user = make_user("ann")
    headers = bearer(user)
    fill(user, 20)
    first = call("GET", "/auth/tokens?page_size=10", headers=headers).json()
    create_token(user=user)
    second = call("GET", first["next"].partition("/api/v1")[2], headers=headers).json()
    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}


@pytest.mark.parametrize(
    ("asked", "got"), [("", 50), ("7", 7), ("007", 7), ("200", 200), ("201", 200), ("9" * 5000, 200)]
)
def test_the_page_size_is_50_unless_asked_and_at_most_200(asked: str, got: int) -> None:
    user = make_user("ann")
    headers = bearer(user)
    fill(user, 230)
    query = f"?page_size={asked}" if asked else ""
    assert len(call("GET", f"/auth/tokens{query}", headers=headers).json()["results"]) == got


@pytest.mark.parametrize("asked", ["0", "-1", "x", "1.5", "٣", "00", "1e2", "null"])
def test_a_page_size_that_is_no_number_is_named(asked: str) -> None:
    answer = call("GET", f"/auth/tokens?page_size={asked}", headers=bearer(make_user("ann")))
    assert answer.status_code == 400
    assert list(answer.json()) == ["page_size"]


#: Moments of some zone that are none in UTC.
NOWHERE = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00")


def cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "x", "%00", "é", "AAAA", cursor(), cursor(False), cursor(False, "2026-01-01T00:00:00Z"),
        cursor(False, "yesterday", "0"), cursor(False, [], {}), cursor("no", "2026-01-01T00:00:00Z", "0"),
        cursor(False, "2026-01-01T00:00:00", "00000000-0000-0000-0000-000000000000"),
        cursor(False, "2026-01-01T00:00:00Z", "no uuid"), cursor(False, 7, 7), "A" * 5000,
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        *(cursor(False, moment, str(UUID(int=0))) for moment in NOWHERE),
    ],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_404(text: str) -> None:
    headers = bearer(make_user("ann"))
    answer = call("GET", f"/auth/tokens?cursor={text}", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["code"] == "invalid_cursor"


@pytest.mark.parametrize("order", ["last_used_at", "-last_used_at"])
def test_empty_values_have_their_place_in_the_order(order: str) -> None:
    user = make_user("ann")
    fill(user, 30)
    for number, row in enumerate(ApiToken.objects.all()[:15]):
        ApiToken.objects.filter(pk=row.pk).update(
            last_used_at=timezone.now() if number % 2 else F("created_at")
        )
    seen: list[Any] = []
    query: str | None = "?page_size=4"
    while query is not None:
        pages = CursorPages()
        rows = ApiToken.objects.order_by(order)
        seen += pages.paginate_queryset(rows, Request(RequestFactory().get(f"/{query}")))
        query = pages.next_link and "?" + pages.next_link.partition("?")[2]
    assert len({row.pk for row in seen}) == len(seen) == 30


@pytest.mark.parametrize("value", ["\0", "\ud800", 2**63, -(2**63) - 1, 10**40, float("nan"), float("inf")])
@pytest.mark.parametrize("column", ["name", "length"])
def test_what_no_database_can_compare_with_is_no_cursor(column: str, value: Any) -> None:
    rows = ApiToken.objects.annotate(length=Length("name")).order_by(column)
    request = Request(RequestFactory().get("/", {"cursor": cursor(False, value, str(UUID(int=0)))}))
    if column == "name" and not isinstance(value, str):
        assert CursorPages().paginate_queryset(rows, request) == [], "a number is a text there"
        return
    with pytest.raises(NotFound):
        CursorPages().paginate_queryset(rows, request)


@given(st.text(max_size=200))
def test_no_cursor_breaks_the_list(text: str) -> None:
    request = RequestFactory().get("/", {"cursor": text})
    try:
        CursorPages().paginate_queryset(ApiToken.objects.none(), Request(request))
    except NotFound:
        return
    assert text == ""
