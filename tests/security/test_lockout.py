"""A stranger who guesses locks nobody else out: no robot, no token, no person at a known address."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import KnownAddress
from accounts.sign_in import throttling
from accounts.sign_in.tokens import create_token
from projects.models import AuditEvent
from projects.services import create_robot
from tests.security.test_signing_in import Counting
from tests.support.people import PASSWORD, Team, make_user

pytestmark = pytest.mark.django_db

STRANGER, HOME = "203.0.113.66", "198.51.100.7"
WRONG_TOKEN = "rpt_aaaaaaaaaa_" + "b" * 43


def registry(name: str, secret: str, address: str = HOME) -> Any:
    pair = base64.b64encode(f"{name}:{secret}".encode()).decode()
    return Client(REMOTE_ADDR=address).get("/service/token", headers={"Authorization": f"Basic {pair}"})


def form(address: str = HOME, **fields: str) -> Any:
    return Client(REMOTE_ADDR=address).post("/service/token", fields)


def api(name: str, password: str, address: str = HOME) -> Any:
    body = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/api/v1/auth/tokens", body, content_type="application/json")


def page(name: str, password: str, address: str = HOME) -> Any:
    return Client(REMOTE_ADDR=address).post("/accounts/login/", {"username": name, "password": password})


DOORS = [api, page, registry]


def strangers(number: int) -> str:
    return f"203.0.113.{number}"


# --- robots and tokens ----------------------------------------------------------------------------------------


def test_a_right_robot_secret_or_token_is_never_refused_whatever_was_guessed_and_from_where() -> None:
    team = Team.make()
    robot, secret = create_robot(project=team.project, by=team.users["owner"], name="ci")
    text = create_token(user=team.users["viewer"])[1]
    for address in (STRANGER, HOME):
        for _ in range(throttling.PER_ADDRESS + 1):
            registry(robot.login, "a wrong guess", address)
            registry("team-viewer", WRONG_TOKEN, address)
            form(address, grant_type="refresh_token", refresh_token=WRONG_TOKEN)
        for _ in range(throttling.PER_ACCOUNT + 1):
            registry("team-viewer", "a wrong password", address)
    for address in (STRANGER, HOME):
        assert registry(robot.login, secret, address).status_code == 200
        assert registry("team-viewer", text, address).status_code == 200
        assert form(address, grant_type="refresh_token", refresh_token=text).status_code == 200
        bearer = {"Authorization": f"Bearer {text}"}
        assert Client(REMOTE_ADDR=address).get("/api/v1/projects", headers=bearer).status_code == 200


def test_guesses_at_robots_and_tokens_count_for_their_address_alone() -> None:
    for number in range(throttling.PER_ADDRESS):
        assert registry(f"robot$team+ci{number % 3}", "a wrong guess", STRANGER).status_code == 401
    answer = registry("robot$team+other", "a wrong guess", STRANGER)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= throttling.WINDOW
    assert registry("robot$team+ci0", "a wrong guess").status_code == 401


def test_a_program_with_an_old_token_locks_no_person_out_of_its_office() -> None:
    make_user("ann")
    for _ in range(throttling.PER_ADDRESS + 1):
        registry("ann", WRONG_TOKEN)
    for door in DOORS:
        assert door("ann", PASSWORD).status_code in (200, 201, 302)


@pytest.mark.parametrize("name", ["robot$team+ci", "robot$nowhere+ci", "ann"])
def test_a_guess_at_a_secret_costs_one_question_and_no_slow_hash(
    name: str, settings: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.PASSWORD_HASHERS = [f"{Counting.__module__}.Counting"]
    team = Team.make()
    create_robot(project=team.project, by=team.users["owner"], name="ci")
    make_user("ann")
    for _ in range(throttling.PER_ADDRESS):
        registry(name, WRONG_TOKEN, STRANGER)
    Counting.asked = 0
    with django_assert_num_queries(1):
        assert registry(name, WRONG_TOKEN, STRANGER).status_code == 429
    assert Counting.asked == 0


def test_one_name_guessed_at_again_and_again_is_one_line_of_the_journal() -> None:
    for _ in range(throttling.PER_ADDRESS):
        registry("robot$team+ci", "a wrong guess", STRANGER)
    assert AuditEvent.objects.filter(action="registry.sign_in_failed").count() == 1


# --- passwords ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("guessed", DOORS)
def test_one_strangers_guesses_lock_nobody_out_elsewhere(door: Any, guessed: Any) -> None:
    make_user("ann")
    for _ in range(throttling.PER_ADDRESS + 1):
        guessed("ann", "a wrong guess", STRANGER)
    assert guessed("ann", "a wrong guess", STRANGER).status_code == 429
    assert door("ann", PASSWORD).status_code in (200, 201, 302)


@pytest.mark.parametrize("door", DOORS)
def test_many_strangers_lock_nobody_out_where_he_signed_in_before(door: Any) -> None:
    make_user("ann")
    assert page("ann", PASSWORD, HOME).status_code == 302
    for number in range(10):
        for _ in range(throttling.PER_ACCOUNT):
            door("ann", "a wrong guess", strangers(number))
    assert door("ann", PASSWORD, "192.0.2.1").status_code == 429, "from a new address it takes some minutes"
    assert door("ann", PASSWORD, HOME).status_code in (200, 201, 302)


@pytest.mark.parametrize("door", DOORS)
def test_guessing_from_a_known_address_has_its_own_end(door: Any) -> None:
    make_user("ann")
    assert door("ann", PASSWORD).status_code in (200, 201, 302)
    for _ in range(throttling.PER_ACCOUNT):
        assert door("ann", "a wrong guess").status_code in (200, 401)
    assert door("ann", PASSWORD).status_code == 429


def test_many_addresses_of_one_network_are_one_stranger() -> None:
    make_user("ann")
    for number in range(throttling.PER_ACCOUNT):
        assert api("ann", "a wrong guess", f"2001:db8:1:2::{number + 1:x}").status_code == 401
    assert api("ann", PASSWORD, "2001:db8:1:2:ffff::9").status_code == 429
    assert api("ann", PASSWORD, "2001:db8:1:3::9").status_code == 201


def test_a_known_address_is_kept_without_name_and_address(settings: Any) -> None:
    make_user("ann")
    page("ann", PASSWORD)
    row = KnownAddress.objects.get()
    assert HOME not in str(vars(row)) and "ann" not in str(vars(row))
    caches["local"].clear()
    page("ann", PASSWORD)
    assert KnownAddress.objects.count() == 1
    settings.SECRET_KEY = "another one"
    assert not throttling.is_known(account="ann", address=HOME)


def test_codes_of_the_second_factor_have_one_budget_at_every_door_and_address() -> None:
    from allauth.mfa.totp.internal.auth import TOTP

    user = make_user("ann")
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    for number in range(throttling.PER_ACCOUNT):
        body = {"username": "ann", "password": PASSWORD, "otp": "000000"}
        answer = Client(REMOTE_ADDR=strangers(number)).post(
            "/api/v1/auth/tokens", body, content_type="application/json"
        )
        assert answer.status_code == 401
    answer = Client().post("/api/v1/auth/tokens", body, content_type="application/json")
    assert answer.status_code == 429
    assert User.objects.count() == 1


# --- where a signed-in person types a password again ----------------------------------------------------------


def signed_in(name: str = "ann") -> Client:
    client = Client(REMOTE_ADDR=HOME)
    client.force_login(make_user(name, superuser=True), "django.contrib.auth.backends.ModelBackend")
    return client


def test_whoever_found_an_open_session_guesses_the_password_nowhere() -> None:
    client = signed_in()
    for _ in range(throttling.PER_ACCOUNT):
        client.post("/accounts/reauthenticate/", {"password": "a wrong guess"})
    answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code in (200, 429)
    answer = client.post("/accounts/password/", {"old_password": PASSWORD, "new_password1": "x"})
    assert "old_password" in answer.context["password_form"].errors


def test_the_admin_has_no_password_form_of_its_own() -> None:
    client = signed_in()
    fields = {
        "old_password": PASSWORD,
        "new_password1": "n3w-horse-battery",
        "new_password2": "n3w-horse-battery",
    }
    answer = client.post("/admin/password_change/", fields)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/#password")
    assert User.objects.get().check_password(PASSWORD)


def test_strangers_do_not_keep_a_signed_in_person_from_changing_the_password() -> None:
    client = signed_in()
    for number in range(10):
        for _ in range(throttling.PER_ACCOUNT):
            page("ann", "a wrong guess", strangers(number))
    new = "n3w-horse-battery"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/accounts/password/", fields).status_code == 302
