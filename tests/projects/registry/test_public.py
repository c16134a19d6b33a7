"""What others say to the registry under its public name."""

from __future__ import annotations

from typing import Any

import pytest

from projects.registry.public import is_secure, public_url


@pytest.mark.parametrize(
    ("url", "public", "secure"),
    [
        ("http://127.0.0.1:5001", "127.0.0.1:5000", False),
        ("http://registry:5000", "localhost:5000", False),
        ("http://10.0.0.7:5000", "10.0.0.7:5000", False),
        ("http://registry:5000", "registry.example.com", True),
        ("https://localhost:5000", "localhost:5000", True),
    ],
)
def test_a_registry_on_this_machine_has_no_certificate(
    settings: Any, url: str, public: str, secure: bool
) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_PUBLIC_HOST = url, public
    assert is_secure() is secure
    assert public_url() == f"{'https' if secure else 'http'}://{public}"
