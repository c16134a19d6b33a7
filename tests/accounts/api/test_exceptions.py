"""What services and the engine raise becomes an answer in one place."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.response import Response

from accounts.api.exceptions import STATUS, handle
from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.batches.services import BatchErrors
from oci.errors import OciError


def answer(exc: Exception) -> Response:
    found = handle(exc, {})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "status"), [*STATUS.items(), ("target_busy", 409), ("last_owner", 409), ("anything", 409)]
)
def test_the_code_decides_the_status(code: str, status: int) -> None:
    found = answer(ApplicationError(code, "No: %(why)s", why="busy", facts={"task": "7"}))
    assert found.status_code == status
    assert found.data == {"code": code, "detail": "No: busy", "task": "7"}


def test_a_refusal_that_passes_says_when_to_come_back() -> None:
    found = answer(ApplicationError("queue_full", "Full.", retry_after=30))
    assert (found.status_code, found.headers["Retry-After"]) == (429, "30")


def test_field_errors_are_the_whole_answer() -> None:
    found = answer(FieldErrors({"name": ["Taken."]}))
    assert (found.status_code, found.data) == (400, {"name": ["Taken."]})


def test_errors_of_a_batch_are_answered_by_the_entries_indexes() -> None:
    found = answer(BatchErrors({3: ["No tag."]}, lines=[1, 2, 4, 9]))
    assert (found.status_code, found.data) == (400, {"images": {"3": ["No tag."]}})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OciError("unreachable", "Away."), 503),
        (OciError("target_error", "Odd.", retryable=True), 503),
        (OciError("target_error", "No."), 502),
        (OciError("forbidden", "No."), 502),
    ],
)
def test_a_registry_that_is_away_is_told_from_one_that_refuses(error: OciError, status: int) -> None:
    found: Any = answer(error)
    assert (found.status_code, found.data["code"]) == (status, error.code)
    assert ("Retry-After" in found.headers) is (status == 503)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OciError("forbidden", "No."), 422),
        (OciError("unreachable", "Away.", retryable=True), 422),
        (OciError("target_error", "No."), 502),
    ],
)
def test_what_is_wrong_at_the_source_that_a_request_names_is_the_requests(
    error: OciError, status: int
) -> None:
    class Look:
        looks_at_source = True

    found = handle(error, {"view": Look()})
    assert found is not None
    assert (found.status_code, found.data["code"]) == (status, error.code)


def test_what_nobody_has_foreseen_stays_an_exception() -> None:
    assert handle(LookupError("bug"), {}) is None
