"""Everything sealed is sealed with the first key in the end, whatever else goes on."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.management import CommandError

from accounts.sealed import seal, unseal
from imageimport.credentials import rotation
from imageimport.models import Credential, ImportTask, Webhook
from tests.imageimport.credentials.rotating import NEW, OLD, rotate, sealed_with_old
from tests.support.factories import CredentialFactory, UserFactory

__all__ = ["sealed_with_old"]
pytestmark = pytest.mark.django_db


def test_every_encrypted_column_is_known() -> None:
    found = {f"{model.__name__}.{name}" for model, name in rotation.sealed_columns()}
    assert {"ImportTask.username", "ImportTask.password", "Credential.password", "Webhook.secret"} <= found


def test_afterwards_the_new_key_alone_opens_everything(
    sealed_with_old: tuple[ImportTask, Credential, Webhook], settings: Any
) -> None:
    said = rotate()
    settings.CRYPTOGRAPHY_KEYS = [NEW]
    task, saved, hook = sealed_with_old
    for row in sealed_with_old:
        row.refresh_from_db()
    assert (task.username.reveal(), task.password.reveal()) == ("me", "task-secret")
    assert (saved.password.reveal(), hook.secret.reveal()) == ("saved-secret", "hook-secret")
    assert "Credential.password: 1 re-encrypted, 0 current" in said
    assert "secret" not in said.replace("Webhook.secret", "")


def test_credentials_that_an_import_erases_meanwhile_stay_erased(
    sealed_with_old: tuple[ImportTask, Credential, Webhook], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = sealed_with_old[0]

    def unseal_while_the_import_ends(token: str) -> tuple[str, int]:
        if token == task.username.token:
            ImportTask.objects.filter(pk=task.pk).update(username="", password="")
        return unseal(token)

    monkeypatch.setattr(rotation, "unseal", unseal_while_the_import_ends)
    results = {found.column: found for found in rotation.rotate()}
    assert results["imageimport.ImportTask.username"].overtaken == 1
    task.refresh_from_db()
    assert not task.username
    assert not task.password


def test_more_rows_than_one_page_are_all_rotated(
    sealed_with_old: tuple[ImportTask, Credential, Webhook], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CRYPTOGRAPHY_KEYS = [OLD]
    for number in range(7):
        CredentialFactory(password=f"secret {number}")
    settings.CRYPTOGRAPHY_KEYS = [NEW, OLD]
    monkeypatch.setattr(rotation, "CHUNK", 3)
    rotate()
    settings.CRYPTOGRAPHY_KEYS = [NEW]
    assert all(saved.password.reveal() for saved in Credential.objects.all())


def test_second_factors_and_recovery_codes_open_with_the_new_key_alone(settings: Any) -> None:
    settings.CRYPTOGRAPHY_KEYS = [OLD]
    user, base32 = UserFactory(), "JBSWY3DPEHPK3PXP"
    TOTP.activate(user, base32)
    codes = RecoveryCodes.activate(user).generate_codes()
    older = Authenticator.objects.create(
        user=UserFactory(),
        type=Authenticator.Type.RECOVERY_CODES,
        data={"migrated_codes": [seal("12345678")]},
    )
    settings.CRYPTOGRAPHY_KEYS = [NEW, OLD]
    assert "mfa.Authenticator.data: 3 to re-encrypt, 0 current" in rotate(dry_run=True)
    assert "mfa.Authenticator.data: 3 re-encrypted, 0 current" in rotate()
    assert "mfa.Authenticator.data: 0 re-encrypted, 3 current" in rotate()
    settings.CRYPTOGRAPHY_KEYS = [NEW]
    factor = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    code = format_hotp_value(hotp_value(base32, next(iter(yield_hotp_counters_from_time()))))
    assert TOTP(factor).validate_code(code)
    left = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    assert RecoveryCodes(left).generate_codes() == codes
    older.refresh_from_db()
    assert RecoveryCodes(older).generate_codes() == ["12345678"]


def test_a_second_factor_that_no_key_opens_is_counted_and_left_alone(settings: Any) -> None:
    settings.CRYPTOGRAPHY_KEYS = [OLD]
    TOTP.activate(UserFactory(), "JBSWY3DPEHPK3PXP")
    before = Authenticator.objects.get().data
    settings.CRYPTOGRAPHY_KEYS = [NEW]
    with pytest.raises(CommandError, match="1 values"):
        rotate()
    assert Authenticator.objects.get().data == before
