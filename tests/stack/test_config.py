"""What `make run` understands of its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.config import ConfigError, read_config
from stack.paths import ROOT

BARE = {"PORTAL_DOTENV": ""}


def test_defaults_are_the_contract() -> None:
    config = read_config(BARE)
    assert (config.web.host, config.web.port, config.data_dir) == ("127.0.0.1", None, ROOT / "var")
    assert config.sample
    assert config.embedded.redis
    assert config.embedded.registry
    assert config.registry.auth == "token"


@pytest.mark.parametrize("word", ["0", "false", "No", "off"])
def test_the_sample_can_be_left_out(word: str) -> None:
    assert not read_config({**BARE, "PORTAL_SAMPLE": word}).sample


@pytest.mark.parametrize("port", ["x", "-1", "65536", "80 80", "٣"])
def test_a_port_that_is_none_is_named(port: str) -> None:
    with pytest.raises(ConfigError, match="PORT is a number"):
        read_config({**BARE, "PORT": port})


def test_the_dotenv_file_counts_where_the_environment_is_silent(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=8111\nREDIS_URL=redis://10.0.0.1:6379/0\n", encoding="utf-8")
    config = read_config({"PORTAL_DOTENV": str(dotenv), "PORT": "8222"})
    assert config.web.port == 8222
    assert not config.embedded.redis


def test_the_dotenv_file_does_not_reach_the_environment_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    dotenv = tmp_path / ".env"
    dotenv.write_text("REGISTRY_PASSWORD=canary\n", encoding="utf-8")
    monkeypatch.setenv("PORTAL_DOTENV", str(dotenv))
    assert read_config().registry.password == "canary"
    assert "canary" not in os.environ.values()


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://elsewhere:6379/0\n", encoding="utf-8")
    assert not read_config({**BARE, "REDIS_URL_FILE": str(tmp_path / "url")}).embedded.redis
    with pytest.raises(ConfigError, match="REDIS_URL_FILE names"):
        read_config({**BARE, "REDIS_URL_FILE": str(tmp_path / "missing")})


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "token"),
        ({"REGISTRY_URL": "http://r:5000"}, "none"),
        ({"REGISTRY_URL": "http://r:5000", "REGISTRY_USERNAME": "u", "REGISTRY_PASSWORD": "p"}, "basic"),
        ({"REGISTRY_URL": "http://r:5000", "REGISTRY_AUTH": "token"}, "token"),
        ({"REGISTRY_AUTH": "none"}, "none"),
    ],
)
def test_the_way_to_sign_in_at_the_registry(variables: dict[str, str], expected: str) -> None:
    assert read_config({**BARE, **variables}).registry.auth == expected


@pytest.mark.parametrize("auth", ["basic", "magic"])
def test_an_impossible_way_to_sign_in_is_named(auth: str) -> None:
    with pytest.raises(ConfigError, match="REGISTRY_AUTH"):
        read_config({**BARE, "REGISTRY_AUTH": auth})


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "http://127.0.0.1:8123"),
        ({"HOST": "0.0.0.0"}, "http://127.0.0.1:8123"),
        ({"HOST": "::1"}, "http://[::1]:8123"),
        ({"PORTAL_URL": "https://portal.example.com/"}, "https://portal.example.com"),
    ],
)
def test_the_address_that_people_are_told(variables: dict[str, str], expected: str) -> None:
    assert read_config({**BARE, **variables}).web.url(8123) == expected
