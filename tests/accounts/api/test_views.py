"""``/auth/tokens`` and what a token opens."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.utils import timezone

from accounts.models import ApiToken
from accounts.sign_in import throttling
from accounts.sign_in.tokens import create_token
from tests.support.people import PASSWORD, bearer, call, make_user

pytestmark = pytest.mark.django_db


def sign_in(username: str = "ann", password: str = PASSWORD, **more: object):  # type: ignore[no-untyped-def]
    return call("POST", "/auth/tokens", {"username": username, "password": password, **more})


def test_the_right_password_gets_a_token_that_is_shown_once() -> None:
    make_user("ann")
    answer = sign_in(name="laptop", expires_in_days=7)
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {"id", "name", "token", "expires_at"}
    assert body["name"] == "laptop"
    in_days = dt.datetime.fromisoformat(body["expires_at"]) - timezone.now()
    assert dt.timedelta(days=6.9) < in_days <= dt.timedelta(days=7)
    assert answer.headers["Cache-Control"] == "no-store"
    headers = {"Authorization": f"Bearer {body['token']}"}
    listed = call("GET", "/auth/tokens", headers=headers).json()["results"]
    assert [row["id"] for row in listed] == [body["id"]]
    assert body["token"] not in str(listed)


def test_only_a_hash_is_stored() -> None:
    make_user("ann")
    text = sign_in().json()["token"]
    row = ApiToken.objects.get()
    secret = text.rpartition("_")[2]
    assert secret not in "".join(str(value) for value in vars(row).values())


def test_every_wrong_sign_in_is_answered_alike() -> None:
    make_user("ann")
    blocked = make_user("bob")
    blocked.is_active = False
    blocked.save()
    no_password = make_user("carl")
    no_password.set_unusable_password()
    no_password.save()
    answers = [
        sign_in("ann", "wrong"),
        sign_in("nobody"),
        sign_in("bob"),
        sign_in("carl"),
        sign_in("a\u0000b"),
    ]
    wrong = [answer for answer in answers if answer.status_code != 400]
    assert {(answer.status_code, answer.content) for answer in wrong} == {(401, wrong[0].content)}
    assert wrong[0].json()["code"] == "invalid_credentials"
    assert wrong[0].headers["WWW-Authenticate"].startswith("Bearer")
    assert len(wrong) == 4


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "ann"}, "password"),
        ({"password": "x"}, "username"),
        ({"username": "ann", "password": PASSWORD, "expires_in_days": 0}, "expires_in_days"),
        ({"username": "ann", "password": PASSWORD, "expires_in_days": -5}, "expires_in_days"),
        ({"username": "ann", "password": PASSWORD, "expires_in_days": 10**12}, "expires_in_days"),
        ({"username": "ann", "password": PASSWORD, "scope": "root"}, "scope"),
        ({"username": "ann", "password": PASSWORD, "name": "x" * 101}, "name"),
        ({"username": ["ann"], "password": PASSWORD}, "username"),
    ],
)
def test_a_bad_field_is_named(body: dict[str, object], field: str) -> None:
    make_user("ann")
    answer = call("POST", "/auth/tokens", body)
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("body", ["[]", '"x"', "null", "{", "\ud83d", "[" * 2000])
def test_a_body_that_is_no_object_is_refused(body: str) -> None:
    from django.test import Client

    raw = body.encode("utf-8", "surrogatepass")
    answer = Client().post("/api/v1/auth/tokens", raw, content_type="application/json")
    assert answer.status_code == 400


def test_failed_sign_ins_are_throttled_by_account_and_the_right_password_does_not_help() -> None:
    make_user("ann")
    for _ in range(throttling.PER_ACCOUNT):
        assert sign_in(password="wrong").status_code == 401
    answer = sign_in()
    assert answer.status_code == 429
    assert answer.json()["code"] == "throttled"
    assert 1 <= int(answer.headers["Retry-After"]) <= throttling.WINDOW
    make_user("bob")
    assert sign_in("bob").status_code == 201


def test_failed_sign_ins_are_throttled_by_address() -> None:
    make_user("ann")
    for number in range(throttling.PER_ADDRESS):
        assert sign_in(f"guess-{number}").status_code == 401
    assert sign_in().status_code == 429


def test_a_success_clears_the_accounts_failures() -> None:
    make_user("ann")
    for _ in range(throttling.PER_ACCOUNT - 1):
        sign_in(password="wrong")
    assert sign_in().status_code == 201
    assert sign_in(password="wrong").status_code == 401


def test_an_account_with_a_second_factor_needs_its_code() -> None:
    user = make_user("ann")
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(user, secret)
    assert sign_in().status_code == 401
    assert sign_in(otp="000000").status_code == 401
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    assert sign_in(otp=code).status_code == 201


def test_an_old_token_in_the_header_does_not_get_in_the_way_of_signing_in() -> None:
    make_user("ann")
    answer = call(
        "POST", "/auth/tokens", {"username": "ann", "password": PASSWORD}, {"Authorization": "Bearer rpt_old"}
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer rpt_", "bearer rpt_aaaaaaaaaa_b", "Bearer \xe9"]
)
def test_what_is_no_token_opens_nothing(header: str) -> None:
    answer = call("GET", "/projects", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_token"


def test_a_token_ends_when_it_expires_is_revoked_or_its_user_is_blocked() -> None:
    user = make_user("ann")
    expired = bearer(user)
    ApiToken.objects.update(expires_at=timezone.now())
    assert call("GET", "/projects", headers=expired).status_code == 401
    revoked = bearer(user)
    row = ApiToken.objects.order_by("-created_at").first()
    assert row is not None
    assert call("DELETE", f"/auth/tokens/{row.pk}", headers=revoked).status_code == 204
    assert call("GET", "/projects", headers=revoked).status_code == 401
    blocked = bearer(user)
    user.is_active = False
    user.save()
    assert call("GET", "/projects", headers=blocked).status_code == 401


def test_a_token_of_the_right_prefix_and_another_secret_opens_nothing() -> None:
    _row, text = create_token(user=make_user("ann"))
    other = text[:-1] + ("a" if text[-1] != "a" else "b")
    assert call("GET", "/projects", headers={"Authorization": f"Bearer {other}"}).status_code == 401


def test_other_peoples_tokens_are_not_there() -> None:
    ann, bob = make_user("ann"), make_user("bob")
    theirs = create_token(user=bob)[0]
    mine = bearer(ann)
    assert call("DELETE", f"/auth/tokens/{theirs.pk}", headers=mine).status_code == 404
    assert call("DELETE", f"/auth/tokens/{uuid.uuid4()}", headers=mine).status_code == 404
    assert str(theirs.pk) not in call("GET", "/auth/tokens", headers=mine).content.decode()
    assert ApiToken.objects.filter(pk=theirs.pk).exists()


def test_last_use_is_noted_and_not_with_every_call(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    user = make_user("ann")
    headers = bearer(user)
    call("GET", "/auth/tokens", headers=headers)
    row = ApiToken.objects.get()
    assert row.last_used_at is not None
    with django_assert_num_queries(2):
        call("GET", "/auth/tokens", headers=headers)
    again = ApiToken.objects.get()
    assert again.last_used_at == row.last_used_at


def test_a_read_token_reads_and_changes_nothing() -> None:
    headers = bearer(make_user("ann"), scope="read")
    assert call("GET", "/projects", headers=headers).status_code == 200
    answer = call("POST", "/projects", {"name": "mine"}, headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "insufficient_scope"


def test_what_is_no_address_is_answered_in_the_apis_shape() -> None:
    headers = bearer(make_user("ann"))
    answer = call("GET", "/projects/not-a-uuid", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert call("GET", "/projects/not-a-uuid").status_code == 401
    assert call("GET", "/projects/a%0Ab", headers=headers).json()["code"] == "not_found"


def test_a_session_needs_the_csrf_token_and_a_bearer_does_not() -> None:
    from django.test import Client

    user = make_user("ann")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    answer = client.post("/api/v1/projects", {"name": "mine"}, content_type="application/json")
    assert answer.status_code == 403
    answer = client.post(
        "/api/v1/projects", {"name": "mine"}, content_type="application/json", headers=bearer(user)
    )
    assert answer.status_code == 201
