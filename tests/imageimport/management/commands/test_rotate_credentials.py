"""What the command says, and when it fails."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError

from imageimport.models import Credential, ImportTask, Webhook
from tests.imageimport.credentials.rotating import NEW, rotate, sealed_with_old

__all__ = ["sealed_with_old"]
pytestmark = pytest.mark.django_db


def test_a_dry_run_counts_and_changes_nothing(
    sealed_with_old: tuple[ImportTask, Credential, Webhook],
) -> None:
    before = Credential.objects.get().password.token
    assert "imageimport.Credential.password: 1 to re-encrypt, 0 current" in rotate(dry_run=True)
    assert Credential.objects.get().password.token == before


def test_a_second_run_finds_nothing_to_do(sealed_with_old: tuple[ImportTask, Credential, Webhook]) -> None:
    rotate()
    assert "imageimport.Credential.password: 0 re-encrypted, 1 current" in rotate()


def test_what_no_key_opens_is_counted_left_alone_and_fails_the_command(
    sealed_with_old: tuple[ImportTask, Credential, Webhook], settings: Any
) -> None:
    settings.CRYPTOGRAPHY_KEYS = [NEW]
    before = Credential.objects.get().password.token
    with pytest.raises(CommandError, match="4 values"):
        rotate()
    assert Credential.objects.get().password.token == before
