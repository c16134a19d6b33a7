"""The sign-in page: uniform, throttled, with a second factor where one is set up."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Profile
from accounts.sign_in import throttling
from tests.support.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
SECRET = "JBSWY3DPEHPK3PXP"


def code() -> str:
    return format_hotp_value(hotp_value(SECRET, next(iter(yield_hotp_counters_from_time()))))


def sign_in(client: Client, name: str = "ann", password: str = PASSWORD, **more: str) -> Any:
    return client.post(LOGIN, {"username": name, "password": password, **more})


def user_of(client: Client) -> str:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).get_username() if pk else ""


def without_token(content: bytes) -> str:
    return re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]*', r"\1", content.decode())


def test_the_right_password_leads_home_with_a_session_of_its_own() -> None:
    make_user("ann")
    client = Client()
    client.get(LOGIN)
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert user_of(client) == "ann"
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("target", ["/projects/web/", "/accounts/?x=1#y"])
def test_it_goes_on_where_one_wanted_to(target: str) -> None:
    make_user("ann")
    assert sign_in(Client(), next=target).headers["Location"] == target


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http:evil.example",
        "\\\\evil.example", "/\t/evil.example", "https:///evil.example", "///evil.example", " //evil.example",
    ],
)  # fmt: skip
def test_it_never_leads_to_another_site(target: str) -> None:
    make_user("ann")
    for answer in (sign_in(Client(), next=target), Client().post(f"{LOGIN}?next={target}", credentials())):
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/"
    signed_in = Client()
    sign_in(signed_in)
    assert signed_in.get(LOGIN, {"next": target}).headers["Location"] == "/"


def credentials() -> dict[str, str]:
    return {"username": "ann", "password": PASSWORD}


def test_every_wrong_sign_in_looks_alike() -> None:
    make_user("ann")
    blocked = make_user("bob")
    blocked.is_active = False
    blocked.save()
    pages = set()
    for name, password in (("ann", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD)):
        answer = sign_in(Client(), name, password)
        assert answer.status_code == 200
        pages.add(without_token(answer.content).replace(f'value="{name}"', ""))
    assert len(pages) == 1
    assert "Wrong username or password." in pages.pop()


def test_a_password_is_never_in_the_page() -> None:
    assert b"s3cret-guess" not in sign_in(Client(), "ann", "s3cret-guess").content


def test_guessing_is_stopped_and_says_for_how_long() -> None:
    make_user("ann")
    for _ in range(throttling.PER_ACCOUNT):
        sign_in(Client(), password="wrong")
    answer = sign_in(Client())
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    client = Client()
    sign_in(client)
    assert user_of(client) == ""


def test_a_form_without_the_csrf_token_is_refused() -> None:
    make_user("ann")
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client).status_code == 403
    assert client.post("/accounts/logout/").status_code == 403


def test_signing_out_takes_a_post() -> None:
    make_user("ann")
    client = Client()
    sign_in(client)
    assert client.get("/accounts/logout/").status_code == 405
    assert user_of(client) == "ann"
    assert client.post("/accounts/logout/").headers["Location"] == LOGIN
    assert user_of(client) == ""


def test_a_second_factor_is_asked_for_before_anything_is_open() -> None:
    TOTP.activate(make_user("ann"), SECRET)
    client = Client()
    answer = sign_in(client, next="/accounts/")
    assert answer.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert user_of(client) == ""
    assert client.get("/accounts/").status_code == 302
    assert client.get(answer.headers["Location"]).status_code == 200
    wrong = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert wrong.status_code == 200
    assert user_of(client) == ""
    right = client.post("/accounts/2fa/authenticate/", {"code": code()})
    assert right.headers["Location"] == "/accounts/"
    assert user_of(client) == "ann"


def test_guessing_the_second_factor_is_stopped() -> None:
    TOTP.activate(make_user("ann"), SECRET)
    client = Client()
    for _ in range(throttling.PER_ACCOUNT):
        sign_in(client)
        client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    sign_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": code()})
    assert user_of(client) == ""


def test_the_secret_of_the_second_factor_is_stored_encrypted() -> None:
    TOTP.activate(make_user("ann"), SECRET)
    assert SECRET not in str(Authenticator.objects.get().data)


def test_a_second_factor_is_set_up_on_the_page() -> None:
    make_user("ann")
    client = Client()
    sign_in(client)
    again = client.get("/accounts/2fa/totp/activate/")
    assert again.headers["Location"].startswith("/accounts/reauthenticate/")
    assert client.get(again.headers["Location"]).status_code == 200
    target = client.post(again.headers["Location"], {"password": PASSWORD}).headers["Location"]
    assert client.get(target).status_code == 200
    secret = client.session["mfa.totp.secret"]
    digits = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    assert client.post("/accounts/2fa/totp/activate/", {"code": digits}).status_code == 302
    assert Authenticator.objects.filter(type=Authenticator.Type.TOTP).exists()


def test_nobody_signs_up_by_himself() -> None:
    assert Client().get("/accounts/signup/").status_code == 404


def test_signing_in_brings_the_persons_language_along() -> None:
    user = make_user("ann")
    Profile.objects.create(user=user, language="zh-hans", theme="dark")
    client = Client()
    answer = sign_in(client)
    assert answer.cookies["django_language"].value == "zh-hans"
    assert b'lang="zh-Hans"' in client.get("/accounts/").content


@pytest.mark.parametrize("path", ["/admin/", "/admin/auth/user/"])
def test_the_admin_has_the_same_door(path: str) -> None:
    chain = Client().get(path, follow=True).redirect_chain
    assert chain[-1][0] == f"{LOGIN}?next={path}"
    make_user("ann")
    client = Client()
    sign_in(client)
    assert client.get(path, follow=True).status_code == 403
    make_user("root", superuser=True)
    client = Client()
    assert sign_in(client, "root", next=path).headers["Location"] == path
    assert client.get(path).status_code == 200


def test_a_signed_in_person_is_led_on() -> None:
    make_user("ann")
    client = Client()
    sign_in(client)
    assert client.get(LOGIN, {"next": "/accounts/"}).headers["Location"] == "/accounts/"


@pytest.mark.parametrize("body", [{}, {"username": "ann"}, {"username": "x" * 500, "password": "y"}])
def test_a_form_that_is_not_complete_is_shown_again(body: dict[str, str]) -> None:
    answer = Client().post(LOGIN, body)
    assert answer.status_code == 200
    assert "sessionid" not in answer.cookies
