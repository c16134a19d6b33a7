"""How the portal signs in at its own registry: with tokens that are never wider than what it is about to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jwt
import pytest

from projects.registry.client import DELETE, PULL, engine_sign_in, token_provider
from registry_portal.secrets_store import token_service_pair


@pytest.fixture
def by_token(settings: Any, tmp_path: Path) -> None:
    settings.REGISTRY_AUTH = "token"
    settings.TOKEN_SERVICE_KEY, settings.TOKEN_SERVICE_CERTIFICATE = token_service_pair(tmp_path)


def granted(token: str) -> dict[str, list[str]]:
    """Actions of a token, by what they are about."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return {f"{each['type']}:{each['name']}": each["actions"] for each in claims["access"]}


@pytest.mark.usefixtures("by_token")
@pytest.mark.parametrize(
    ("access", "scope", "found"),
    [
        ({"team/app": PULL}, "repository:team/app:pull", {"repository:team/app": ["pull"]}),
        ({"team/app": PULL}, "repository:team/app:pull,push,delete", {"repository:team/app": ["pull"]}),
        ({"team/app": DELETE}, "repository:team/app:pull", {"repository:team/app": ["pull"]}),
        ({"team/app": DELETE}, "repository:other/app:pull", {}),
        ({"team/app": DELETE}, "registry:catalog:*", {}),
    ],
)
def test_the_engine_gets_no_more_than_it_may_and_no_more_than_it_asks_for(
    access: dict[str, str], scope: str, found: dict[str, list[str]]
) -> None:
    assert granted(token_provider(access=access)([scope])) == found


@pytest.mark.usefixtures("by_token")
def test_the_catalog_is_read_only_where_that_is_what_it_is_for() -> None:
    provide = token_provider(access={}, catalog=True)
    assert granted(provide(["registry:catalog:*", "repository:team/app:pull"])) == {"registry:catalog": ["*"]}


@pytest.mark.usefixtures("by_token")
def test_docker_engine_gets_a_token_of_one_repository() -> None:
    assert granted(engine_sign_in("team/app")["registrytoken"]) == {"repository:team/app": ["pull", "push"]}


def test_docker_engine_gets_the_account_or_nothing_where_the_registry_knows_no_tokens(settings: Any) -> None:
    settings.REGISTRY_USERNAME, settings.REGISTRY_PASSWORD = "portal", "secret"
    settings.REGISTRY_AUTH = "basic"
    assert engine_sign_in("team/app") == {"username": "portal", "password": "secret"}
    settings.REGISTRY_AUTH = "none"
    assert engine_sign_in("team/app") == {}
