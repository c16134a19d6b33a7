"""System checks: each finding by its id, and none on a sound installation."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Tags, run_checks

from stack.paths import BIN, ROOT

NOT_OURS = "portal."


def found(*, deploy: bool = True) -> set[str]:
    """Ids of our own checks that have something to say."""
    messages = run_checks(tags=[Tags.security], include_deployment_checks=deploy)
    return {message.id for message in messages if message.id and message.id.startswith(NOT_OURS)}


@pytest.mark.parametrize(
    ("changes", "id"),
    [
        ({"CRYPTOGRAPHY_KEYS": []}, "portal.E001"),
        ({"CRYPTOGRAPHY_KEYS": ["short"]}, "portal.E001"),
        ({"CRYPTOGRAPHY_KEYS": ["A" * 43 + "=", "é"]}, "portal.E001"),
        ({"SECRET_KEY": "A" * 43 + "=", "CRYPTOGRAPHY_KEYS": ["A" * 43 + "="]}, "portal.E002"),
        ({"REGISTRY_AUTH": "magic"}, "portal.E003"),
        ({"REGISTRY_AUTH": "basic", "REGISTRY_USERNAME": "", "REGISTRY_PASSWORD": ""}, "portal.E004"),
        ({"REGISTRY_AUTH": "token", "TOKEN_SERVICE_KEY": "x", "TOKEN_SERVICE_CERTIFICATE": "y"}, "portal.E005"),
        ({"REGISTRY_URL": "registry:5000"}, "portal.E006"),
        ({"IMPORT_PRIVATE_SOURCES": ["10.0.0.0/99"]}, "portal.E007"),
        ({"WEBHOOK_PRIVATE_HOSTS": ["a b"]}, "portal.E007"),
        ({"IMPORT_INSECURE_SOURCES": ["host:port"]}, "portal.E007"),
        ({"IMPORT_TRANSPORT": "pigeon"}, "portal.E008"),
        ({"REGISTRY_AUTH": "none"}, "portal.W001"),
        ({"IMPORT_DOCKER_ENABLED": True}, "portal.W002"),
        ({"IMPORT_PRIVATE_SOURCES": ["0.0.0.0/0"]}, "portal.W003"),
        ({"WEBHOOK_PRIVATE_HOSTS": ["::/0"]}, "portal.W003"),
        ({"ALLOWED_HOSTS": ["*"]}, "portal.W004"),
        (
            {"REGISTRY_AUTH": "basic", "REGISTRY_USERNAME": "u", "REGISTRY_PASSWORD": "p",
             "REGISTRY_URL": "http://registry.example:5000"},
            "portal.W005",
        ),
        ({"OIDC_SERVER_URL": "http://idp.example"}, "portal.W006"),
    ],
)  # fmt: skip
def test_unsafe_configuration_is_named(changes: dict[str, Any], id: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["portal.example"]
    assert found() == set()
    for name, value in changes.items():
        setattr(settings, name, value)
    assert found() == {id}
    if ".W" in id:
        assert found(deploy=False) == set()


def test_secrets_that_others_can_read_are_named(settings: Any, tmp_path: Path) -> None:
    settings.ALLOWED_HOSTS, settings.DATA_DIR = ["portal.example"], tmp_path
    secret = tmp_path / "secrets" / "secret_key"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("x")
    secret.chmod(0o600)
    assert found() == set()
    secret.chmod(0o644)
    assert found() == {"portal.W007"}


@pytest.mark.parametrize(
    ("directory", "database", "ids"),
    [
        (0o700, 0o644, set()),
        (0o750, 0o600, set()),
        (0o750, 0o640, {"portal.W007"}),
        (0o755, 0o600, {"portal.W007"}),
        (0o711, 0o644, {"portal.W007"}),
    ],
)
def test_a_data_directory_that_others_can_read_is_named(
    settings: Any, tmp_path: Path, directory: int, database: int, ids: set[str]
) -> None:
    settings.ALLOWED_HOSTS, settings.DATA_DIR = ["portal.example"], tmp_path
    file = tmp_path / "portal.sqlite3"
    file.write_text("x")
    file.chmod(database)
    tmp_path.chmod(directory)
    assert found() == ids


def test_a_production_installation_has_nothing_to_hear(tmp_path: Path) -> None:
    # DJANGO_ too: browser tests in the same process allow themselves what no deployment should.
    foreign = ("REGISTRY_", "IMPORT_", "DJANGO_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env |= {
        "PORTAL_DATA_DIR": str(tmp_path), "PORTAL_TLS": "1", "ALLOWED_HOSTS": "portal.example", "PORTAL_DOTENV": "",
        "DJANGO_SETTINGS_MODULE": "registry_portal.settings",
    }  # fmt: skip
    done = subprocess.run(
        [BIN / "python", ROOT / "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
