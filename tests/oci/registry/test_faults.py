"""What a refusal means, at the source and at the target."""

from __future__ import annotations

import pytest

from oci.errors import OciError
from oci.registry.faults import (
    ErrorBody,
    RegistryError,
    RetryableError,
    Role,
    broke,
    refused,
    stalled,
    unreachable,
)


def _outcome(fault: Exception) -> tuple[OciError, bool]:
    """The error, and whether it is tried again first."""
    if isinstance(fault, RetryableError):
        return fault.error, True
    assert isinstance(fault, OciError)
    return fault, False


@pytest.mark.parametrize(
    ("role", "status", "text", "code", "again", "retryable"),
    [
        ("source", 401, "", "unauthorized", False, False),
        ("source", 403, "", "forbidden", False, False),
        ("source", 404, "", "not_found", False, False),
        ("source", 429, "", "rate_limited", True, True),
        ("source", 500, "", "source_error", True, True),
        ("source", 501, "", "source_error", False, True),
        ("source", 418, "", "source_error", False, False),
        ("target", 401, "", "target_error", False, False),
        ("target", 404, "", "target_error", False, False),
        ("target", 413, "", "target_error", False, False),
        ("target", 429, "", "rate_limited", True, True),
        ("target", 503, "", "target_error", True, True),
        ("target", 500, "no space left on device", "target_error", False, True),
        ("target", 507, "", "target_error", False, True),
    ],
)
def test_a_refusal_by_role_and_status(
    role: Role, status: int, text: str, code: str, again: bool, retryable: bool
) -> None:
    fault = refused(role, "registry.test", status, ErrorBody((), text), what="library/app:v1")
    error, tried_again = _outcome(fault)
    assert (error.code, tried_again, error.retryable) == (code, again, retryable)
    assert "registry.test" in str(error)
    assert "library/app:v1" in str(error)


@pytest.mark.parametrize(
    ("what", "codes", "sentence"),
    [
        ("team/app:1.72", (), "Image not found: team/app:1.72 doesn't exist on registry.test"),
        (
            "team/app:1.72",
            ("MANIFEST_UNKNOWN",),
            "Image not found: team/app:1.72 doesn't exist on registry.test",
        ),
        ("team/app:1.72", ("NAME_UNKNOWN",), "Repository not found: team/app doesn't exist on registry.test"),
        (
            "team/app@sha256:" + "0" * 64,
            ("NAME_UNKNOWN",),
            "Repository not found: team/app doesn't exist on registry.test",
        ),
        ("team/app", (), "Repository not found: team/app doesn't exist on registry.test"),
        ("/v2/", (), "registry.test doesn't have /v2/"),
        ("_catalog", (), "registry.test doesn't have _catalog"),
        ("sha256:" + "0" * 64, (), "registry.test doesn't have sha256:" + "0" * 64),
        ("a token", (), "registry.test doesn't have a token"),
    ],
)
def test_what_is_not_found_is_named_as_what_it_is(what: str, codes: tuple[str, ...], sentence: str) -> None:
    assert str(refused("source", "registry.test", 404, ErrorBody(codes), what=what)) == sentence


def test_a_401_says_both_that_it_may_mean() -> None:
    assert str(refused("source", "registry.test", 401, ErrorBody(), what="team/app:1")) == (
        "Access denied: team/app:1 doesn't exist on registry.test, or is private and needs credentials"
    )


def test_a_refusal_keeps_status_and_codes() -> None:
    error = refused("target", "registry.test", 400, ErrorBody(("BLOB_UNKNOWN",), "gone"), what="x")
    assert isinstance(error, RegistryError)
    assert (error.status, error.codes) == (400, ("BLOB_UNKNOWN",))
    assert str(error).endswith("gone")


def test_percent_signs_of_a_registry_do_no_harm() -> None:
    error = refused("source", "registry.test", 403, ErrorBody((), "100%(s) %d"), what="x")
    assert "100%(s) %d" in str(error)


def test_a_target_that_cannot_be_reached_is_the_targets_fault() -> None:
    fault = unreachable("target", "registry.test", OciError("unreachable", "Refused.", retryable=True))
    error, again = _outcome(fault)
    assert (error.code, again) == ("target_error", True)
    error, again = _outcome(unreachable("target", "registry.test", OciError("blocked_address", "No.")))
    assert (error.code, again) == ("blocked_address", False)


def test_broken_and_stalled_name_host_and_cause() -> None:
    assert "registry.test" in str(broke("source", "registry.test", "connection reset by peer").error)
    assert "reset" in str(broke("source", "registry.test", "connection reset by peer").error)
    error = stalled("registry.test", 60.0).error
    assert (error.code, error.retryable) == ("stalled", True)
    assert "60 seconds" in str(error)
