"""Scanners as operators name them."""

from __future__ import annotations

from typing import Any

import pytest

from projects.models import AuditEvent, Scanner
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db
BODY = {"name": "trivy", "url": "http://10.0.0.5:8080", "auth": {"kind": "basic", "value": "me:s3cret"}}


def send(
    team: Team, method: str, tail: str = "", body: Any = None, *, status: int, as_: str = "superuser"
) -> Any:
    answer = call(method, f"/scanners{tail}", body, headers=team.bearer(as_))
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


@pytest.fixture
def team() -> Team:
    return Team.make("operators")


def test_a_scanner_is_named_changed_and_taken_away_and_its_secret_never_told(team: Team) -> None:
    made = send(team, "POST", body=BODY, status=201)
    assert made["auth"] == {"kind": "basic"}
    row = Scanner.objects.get()
    assert row.auth_value.reveal() == "me:s3cret"
    assert "s3cret" not in str(send(team, "GET", status=200))
    changed = send(team, "PATCH", f"/{made['id']}", {"enabled": False}, status=200)
    assert (changed["enabled"], Scanner.objects.get().auth_value.reveal()) == (False, "me:s3cret")
    # Another host is not shown the secret of the first.
    assert "auth" in send(team, "PATCH", f"/{made['id']}", {"url": "http://10.0.0.6"}, status=400)
    kept = {"url": "http://10.0.0.6", "auth": {"kind": "basic", "value": "a:b"}}
    send(team, "PATCH", f"/{made['id']}", kept, status=200)
    send(team, "DELETE", f"/{made['id']}", status=204)
    actions = AuditEvent.objects.values_list("action", flat=True)
    assert set(actions) >= {"scanner.created", "scanner.changed", "scanner.deleted"}


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://x"},
        {"url": "http://169.254.169.254/"},
        {"auth": {"kind": "basic"}},
        {"auth": {"kind": "none", "value": "x"}},
        {"auth": {"kind": "bearer", "value": "a\r\nHost: b"}},
        {"name": ""},
    ],
)
def test_what_is_no_scanner_is_refused(team: Team, change: dict[str, Any]) -> None:
    send(team, "POST", body={**BODY, **change}, status=400)


@pytest.mark.parametrize(
    ("auth", "sentence"),
    [({"kind": "bearer"}, "Enter a secret."), ({"kind": "none", "value": "x"}, "Leave the secret empty.")],
)
def test_a_secret_that_is_missing_or_too_much_is_told_in_a_sentence_of_its_own(
    team: Team, auth: dict[str, str], sentence: str
) -> None:
    assert send(team, "POST", body={**BODY, "auth": auth}, status=400) == {"auth": [sentence]}


def test_scanners_are_for_superusers(team: Team) -> None:
    for method, body in (("GET", None), ("POST", BODY)):
        send(team, method, body=body, status=403, as_="owner")
    send(team, "POST", body=BODY, status=201)
    assert "name" in send(team, "POST", body=BODY, status=400)
