"""Which secret is exchanged by which cloud's call."""

from __future__ import annotations

from pathlib import Path

import pytest

from oci.errors import OciError
from oci.registry.auth import google
from oci.registry.auth.clouds import exchange_for
from oci.registry.auth.credentials import Credential
from testbed.scripted_http import Reply
from tests.oci.registry.auth import test_acr, test_ecr, test_google
from tests.oci.registry.auth.clouds import cloud


@pytest.mark.parametrize(
    ("host", "user", "password", "name"),
    [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "AKIAIOSFODNN7EXAMPLE", "secret", "ecr"),
        ("contoso.azurecr.io", "refresh_token@contoso.com", "token", "acr"),
        ("europe-docker.pkg.dev", "oauth2accesstoken", "{}", "google"),
        ("contoso.azurecr.io", "an-application", "secret", ""),
        ("europe-docker.pkg.dev", "_json_key", "{}", ""),
        ("ghcr.io", "refresh_token@contoso.com", "{}", ""),
    ],
)
def test_a_secret_is_exchanged_where_its_cloud_knows_it(
    host: str, user: str, password: str, name: str
) -> None:
    found = exchange_for(Credential(host, user, password))
    assert (found.name if found else "") == name


@pytest.mark.parametrize(
    ("host", "token_host", "user", "secret", "by_proxy"),
    [
        (test_ecr.HOST, test_ecr.API, test_ecr.USER, test_ecr.SECRET, test_ecr.HOST),
        (test_google.HOST, google.TOKEN_HOST, google.USERNAME, test_google.key_file(), test_google.HOST),
        (test_acr.HOST, "azure.test", test_acr.USER, test_acr.SECRET, "azure.test"),
    ],
    ids=["ecr", "google", "acr"],
)
def test_a_token_call_that_leads_to_a_forbidden_address_is_not_made(
    tmp_path: Path, host: str, token_host: str, user: str, secret: str, by_proxy: str
) -> None:
    """Azure's is the registry itself."""
    with cloud(
        tmp_path, host, token_path="/token", other=token_host, answer=lambda _request: Reply(500)
    ) as there:
        with pytest.raises(OciError) as refused:
            there.reader(user, secret, there.door(by_proxy)).get_manifest("1")
        assert refused.value.code == "blocked_address"
        assert there.other.requests == there.asked("/token") == there.asked("/oauth2/exchange") == []
        assert secret not in there.sent()
