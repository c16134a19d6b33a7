"""Secrets at rest: the first key seals, every key opens, none shows itself."""

from __future__ import annotations

import ast
import base64
import os
from typing import Any

import pytest

from accounts.sealed import Sealed, Unreadable, seal, unseal
from stack.paths import ROOT
from tests.support.factories import CredentialFactory

#: Where a secret is opened, and for what; nothing else reads one.
OPENED = {
    "imageimport/registries/source_credentials.py": "an attempt of an import signs in at its source",
    "imageimport/registries/sources.py": "a proxy or a mirror that the operator named is signed in at",
    "imageimport/webhooks/deliveries.py": "a delivery is signed",
    "imageimport/credentials/services.py": "a person has a saved credential tried at its own registry",
    "imageimport/credentials/rotation.py": "rotate_credentials seals with the new key",
    "projects/scanning/adapter.py": "a scanner is signed in at",
    "accounts/sign_in/adapters.py": "a second factor's code is compared",
    "accounts/sign_in/sessions.py": "a session is read",
}


def key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def test_the_first_key_seals_and_all_open(settings: Any) -> None:
    old, new = key(), key()
    settings.CRYPTOGRAPHY_KEYS = [old]
    token = seal("hunter22")
    settings.CRYPTOGRAPHY_KEYS = [new, old]
    assert unseal(token) == ("hunter22", 1)
    assert unseal(seal("hunter22")) == ("hunter22", 0)


def test_without_a_fitting_key_it_is_credential_unreadable(settings: Any) -> None:
    settings.CRYPTOGRAPHY_KEYS = [key()]
    token = seal("hunter22")
    settings.CRYPTOGRAPHY_KEYS = [key()]
    with pytest.raises(Unreadable) as caught:
        Sealed(token).reveal()
    assert caught.value.code == "credential_unreadable"


@pytest.mark.parametrize("damaged", ["nonsense", "A" * 200, "ünïcode"])
def test_damaged_values_are_unreadable_and_nothing_worse(damaged: str) -> None:
    with pytest.raises(Unreadable):
        Sealed(damaged).reveal()


def test_it_never_shows_itself_and_the_empty_one_is_falsy() -> None:
    sealed = Sealed.of("hunter22")
    assert "hunter22" not in f"{sealed!r} {sealed} {sealed.token}"
    assert sealed
    assert not Sealed.of("")


@pytest.mark.django_db
def test_a_row_seals_on_assignment() -> None:
    credential = CredentialFactory(password="hunter22")
    assert "hunter22" not in str(credential.__dict__)
    credential.password = "other-secret"
    assert "other-secret" not in str(credential.__dict__)
    credential.save()
    credential.refresh_from_db()
    assert credential.password.reveal() == "other-secret"


def _opens(code: str) -> bool:
    """Whether it opens a sealed value, by either of the two ways."""
    nodes = list(ast.walk(ast.parse(code)))
    calls = any(isinstance(node, ast.Attribute) and node.attr == "reveal" for node in nodes)
    names = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return calls or "unseal" in names


def test_secrets_are_opened_where_they_are_needed_and_nowhere_else() -> None:
    packages = ("accounts", "imageimport", "projects", "registry_portal")
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if _opens(path.read_text(encoding="utf-8"))} - {
        "accounts/sealed.py"
    }
    assert found == set(OPENED)
