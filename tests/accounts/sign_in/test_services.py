"""Signing in by the API: wrong tries are answered alike and counted, a second factor is asked for."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time

from accounts.sign_in import throttling
from tests.accounts.signing_in import sign_in
from tests.support.people import make_user

pytestmark = pytest.mark.django_db


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
