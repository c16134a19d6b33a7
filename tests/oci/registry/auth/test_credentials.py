"""Who may see a credential, and scopes in one order."""

from __future__ import annotations

import pytest

from oci.registry.auth.credentials import Credential, may_see_credential, merge_scopes
from oci.urls import parse_url


def test_no_password_is_in_a_repr() -> None:
    assert "secret" not in repr(Credential("ghcr.io", "ada", "secret"))


@pytest.mark.parametrize(
    ("registry", "realm", "may"),
    [
        ("https://registry-1.docker.io", "https://auth.docker.io/token", True),
        ("https://ghcr.io", "https://ghcr.io/token", True),
        ("https://registry.example:5000", "https://registry.example:5001/auth", True),
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
        ("https://registry.example", "http://registry.example/token", False),
        ("https://registry.example", "https://evil.test/token", False),
        ("https://one.github.io", "https://two.github.io/token", False),
        ("https://a.co.uk", "https://b.co.uk/token", False),
        ("https://nvcr.io", "https://authn.trusted.test/token", True),
        ("http://127.0.0.1:5000", "http://127.0.0.2:5000/token", False),
        ("http://registry", "http://registry:5001/token", True),
    ],
)
def test_who_may_see_a_credential(registry: str, realm: str, may: bool) -> None:
    trusted = ["authn.trusted.test"]
    assert may_see_credential(parse_url(registry), parse_url(realm), trusted) is may


def test_scopes_come_in_one_order_with_their_actions_joined() -> None:
    assert merge_scopes(
        ["repository:b:push", "repository:a:pull", "repository:b:pull", "repository:a:pull"]
    ) == (
        "repository:a:pull",
        "repository:b:pull,push",
    )
