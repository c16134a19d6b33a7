"""Guessing: every door counts, every wrong answer looks and costs the same, and every right ends when it is taken."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from accounts.models import ApiToken
from accounts.sign_in import throttling
from accounts.sign_in.tokens import create_token
from tests.support.people import PASSWORD, Team, bearer, call, make_user

pytestmark = pytest.mark.django_db

Door = Callable[[str, str], HttpResponse]


def api(username: str, password: str) -> HttpResponse:
    answer: HttpResponse = call("POST", "/auth/tokens", {"username": username, "password": password})
    return answer


def page(username: str, password: str) -> HttpResponse:
    form = {"username": username, "password": password}
    answer: Any = Client().post("/accounts/login/", form)
    return answer


def token_service(username: str, password: str) -> HttpResponse:
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    answer: Any = Client().get("/service/token", headers={"Authorization": f"Basic {pair}"})
    return answer


def token_service_form(username: str, password: str) -> HttpResponse:
    form = {"grant_type": "password", "username": username, "password": password}
    answer: Any = Client().post("/service/token", form)
    return answer


DOORS = [api, page, token_service, token_service_form]


class Counting(PBKDF2PasswordHasher):
    """Django's own hasher, with little work, that says how often it was asked."""

    algorithm = "counting"
    iterations = 1
    asked = 0

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        type(self).asked += 1
        return super().encode(password, salt, iterations)


@pytest.fixture
def people(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.Counting"]
    make_user("xq-right")
    blocked = make_user("xq-blocked")
    blocked.is_active = False
    blocked.save()
    without = make_user("xq-without")
    without.set_unusable_password()
    without.save()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.usefixtures("people")
def test_nobody_learns_from_answer_or_effort_which_names_there_are(door: Door) -> None:
    seen = {}
    for name in ("xq-right", "xq-nobody", "xq-blocked", "xq-without"):
        Counting.asked = 0
        answer = door(name, "a wrong guess")
        body = answer.content.decode().replace(name, "NAME")
        # The page's CSRF token is another one each time.
        body = "".join(line for line in body.splitlines() if "csrf" not in line.lower())
        seen[name] = (answer.status_code, body, Counting.asked)
    assert len(set(seen.values())) == 1, {name: (what[0], what[2]) for name, what in seen.items()}
    assert seen["xq-right"][2] > 0


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("other", DOORS)
def test_guesses_at_one_door_count_at_all(door: Door, other: Door) -> None:
    make_user("ann")
    for _ in range(throttling.PER_ACCOUNT):
        assert door("ann", "a wrong guess").status_code in (200, 401)
    answer = other("ann", PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= throttling.WINDOW


@pytest.mark.parametrize(
    "target",
    [
        *(
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "\\\\evil.example",
            "https:evil.example",
        ),
        *(
            "javascript:alert(1)",
            " //evil.example",
            "/\t/evil.example",
            "http:///evil.example",
            "///evil.example",
        ),
    ],
)
@pytest.mark.parametrize("where", ["/accounts/login/", "/admin/login/"])
def test_signing_in_leads_to_no_other_site(where: str, target: str) -> None:
    make_user("ann", superuser=True)
    client = Client()
    answer = client.get(where, {"next": target}, follow=True)
    at = answer.redirect_chain[-1][0] if answer.redirect_chain else f"{where}?next="
    assert "evil.example" not in at.partition("?")[0]
    form = {"username": "ann", "password": PASSWORD, "next": target}
    landed = client.post("/accounts/login/", form)
    assert landed.status_code == 302
    assert landed["Location"] == "/"
    again = client.get("/accounts/login/", {"next": target})
    assert "evil" not in again["Location"] and not again["Location"].startswith("javascript")


def test_a_session_ends_with_the_password_the_account_and_signing_out() -> None:
    for end in ("password", "account", "sign-out"):
        user = make_user(f"ann-{end}")
        client, other = Client(), Client()
        for each in (client, other):
            each.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            assert each.get("/").status_code == 200
        key = client.session.session_key
        if end == "password":
            user.set_password("another long password")
            user.save()
        elif end == "account":
            User.objects.filter(pk=user.pk).update(is_active=False)
        else:
            client.post("/accounts/logout/")
            stolen = Client()
            stolen.cookies["sessionid"] = key or ""
            assert stolen.get("/").status_code == 302
            continue
        assert client.get("/").status_code == other.get("/").status_code == 302


def test_signing_in_gives_a_session_of_its_own() -> None:
    make_user("ann")
    client = Client()
    client.cookies["sessionid"] = "chosen-by-somebody-else"
    client.post("/accounts/login/", {"username": "ann", "password": PASSWORD})
    assert client.cookies["sessionid"].value != "chosen-by-somebody-else"
    assert client.get("/").status_code == 200


# --- what is not theirs to set --------------------------------------------------------------------------------


def test_nothing_is_set_that_is_not_the_callers_to_set() -> None:
    """Every address that makes something, with every name of a column beside the fields that it takes."""
    team, other = Team.make(), Team.make("other")
    saved = other.project.credentials.create(
        name="theirs", registry="ghcr.io", username="u", password="p4ssword"
    )
    base = f"/projects/{team.project.pk}"
    foreign: dict[str, Any] = {
        "project": str(other.project.pk),
        "project_id": str(other.project.pk),
        "id": "00000000-0000-7000-8000-000000000001",
        "user": other.users["owner"].pk,
        **dict.fromkeys(("requested_by", "created_by", "owner", "actor"), str(other.users["owner"].pk)),
        "status": "success",
        "stage": "done",
        "progress": 100,
        "digest": "sha256:" + "e" * 64,
        "attempts": 9,
        "fence": 9,
        "lease_owner": "me",
        "priority": 0,
        "source_image": "evil/x",
        "source_registry": "evil",
        "target_image": "other/x:1",
        "created_at": "2000-01-01T00:00:00Z",
        "completed_at": "2000-01-01T00:00:00Z",
        "is_superuser": True,
        "is_staff": True,
        "digest_of": "x",
        "prefix": "rpt_mine",
        "publishing": True,
        "next_run_at": "2000-01-01T00:00:00Z",
        "last_run_at": "2000-01-01T00:00:00Z",
        "retry_of": None,
    }
    makes: list[tuple[str, dict[str, Any], int]] = [
        (f"{base}/images/import", {"image_url": "ghcr.io/a/b:1"}, 202),
        (f"{base}/images/import/batches", {"images": ["ghcr.io/a/c:1"]}, 202),
        (f"{base}/schedules", {"image_url": "ghcr.io/a/b", "cron": "0 3 * * *"}, 201),
        (f"{base}/credentials", {"name": "n", "registry": "ghcr.io", "username": "u", "password": "p"}, 201),
        (f"{base}/webhooks", {"url": "https://hooks.example.com/", "events": ["import.failed"]}, 201),
        (f"{base}/robots", {"name": "bot", "access": "pull"}, 201),
        ("/projects", {"name": "mine"}, 201),
    ]
    headers = team.bearer("owner")
    for path, body, status in makes:
        answer = call("POST", path, {**foreign, **body}, headers)
        assert answer.status_code == status, (path, answer.content)
        made = answer.json()
        assert made.get("id") != foreign["id"], path
        assert made.get("project", str(team.project.pk)) == str(team.project.pk), path
        assert made.get("status", "pending") == "pending", path
        assert made.get("progress", 0) == 0, path
        assert made.get("requested_by") in (None, team.users["owner"].username), path
        assert "2000-01-01" not in answer.content.decode(), path
    assert not User.objects.filter(is_superuser=True).exclude(username__endswith="superuser").exists()
    for name in ("import_tasks", "schedules", "webhooks", "robots", "batches", "import_batches", "tasks"):
        rows = getattr(other.project, name, None)
        assert rows is None or rows.count() == 0, name
    # What is another project's is answered as what never was, in the same words: no one learns which ids there are.
    never = "00000000-0000-7000-8000-000000000002"
    for path, body in (
        (f"{base}/images/import", {"image_url": "ghcr.io/a/d:1"}),
        (f"{base}/images/import/plan", {"image_url": "ghcr.io/a/d:1"}),
        (f"{base}/images/import/batches", {"images": ["ghcr.io/a/d:1"]}),
        (f"{base}/schedules", {"image_url": "ghcr.io/a/d", "cron": "0 3 * * *"}),
    ):
        theirs, none = (
            call("POST", path, {**body, "credential": row}, headers) for row in (str(saved.pk), never)
        )
        assert (theirs.status_code, none.status_code) == (400, 400), (path, theirs.content, none.content)
        assert "credential" in theirs.content.decode(), path
        assert theirs.content.decode().replace(str(saved.pk), never) == none.content.decode(), path


def test_a_narrow_token_makes_no_wider_one() -> None:
    user = make_user("ann")
    for scope in ("read", "import"):
        headers = bearer(user, scope=scope)
        before = ApiToken.objects.count()
        assert call("POST", "/auth/tokens", {"scope": "admin"}, headers).status_code in (400, 401, 403)
        assert ApiToken.objects.count() == before


@pytest.mark.parametrize("scope", ["read", "import", "admin"])
def test_a_token_opens_no_page(scope: str) -> None:
    """Tokens are for the API and the registry: a page that took one would take a forged form, too."""
    _row, text = create_token(user=make_user("ann", superuser=True), scope=scope)
    for path in ("/", "/admin/", "/accounts/"):
        assert Client().get(path, headers={"Authorization": f"Bearer {text}"}).status_code == 302
