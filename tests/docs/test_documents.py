"""What the documents name is there, and what is there is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from stack.paths import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")])
#: How code reads a variable: ours by their readers, in programs from the environment itself.
READ = re.compile(
    r"""(?:env\.(?:str|bool|int|get)|environ\.get|positive|words|secret|amount|hours|proxies|one_proxy|whole|flag|text|value)\(\s*"([A-Z][A-Z0-9_]+)\""""
)
#: Names of others that we only pass on or look at.
FOREIGN = {"DJANGO_SETTINGS_MODULE", "PATH", "HOME", "TERM", "NO_COLOR", "COLUMNS", "MAKELEVEL", "MAKEFLAGS"}
#: In backticks: a path of this repository, perhaps with a name behind it.
PATH = re.compile(
    r"`((?:oci|accounts|projects|imageimport|registry_portal|stack|scripts|bench|client|tests|deploy|templates|static|locale)"
    r"/[\w./*-]*)`"
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    named = set(PATH.findall(document.read_text(encoding="utf-8")))
    assert [path for path in named if not list(ROOT.glob(path.rstrip("/")))] == []


def test_every_variable_that_is_read_is_in_the_configuration_guide() -> None:
    files = [
        *(ROOT / "registry_portal").glob("*.py"),
        *(ROOT / "stack").glob("*.py"),
        ROOT / "gunicorn.conf.py",
    ]
    read = {name for file in files for name in READ.findall(file.read_text(encoding="utf-8"))}
    assert len(read) > 50
    guide = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", guide))
    assert read - told - FOREIGN == set()


def test_the_configuration_guide_names_nothing_that_nobody_reads() -> None:
    guide = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    told = {
        name
        for row in re.findall(r"^\| (`[^|]*) \|", guide, re.MULTILINE)
        for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)
    }
    code = "".join(
        file.read_text(encoding="utf-8")
        for room in ("registry_portal", "stack", "accounts", "projects", "imageimport")
        for file in (ROOT / room).rglob("*.py")
    ) + (ROOT / "gunicorn.conf.py").read_text(encoding="utf-8")
    assert len(told) > 40
    assert [name for name in sorted(told) if f'"{name}"' not in code] == []


def test_compose_hands_on_every_variable_of_the_portal_that_is_not_its_own() -> None:
    """What .env says in Compose counts only where docker-compose.yml passes it on."""
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    settings = (ROOT / "registry_portal" / "settings.py").read_text(encoding="utf-8")
    read = set(READ.findall(settings))
    handed_on = {
        name.removesuffix("_FILE") for name in re.findall(r"^ +([A-Z][A-Z0-9_]+):", compose, re.MULTILINE)
    }
    assert sorted(read - handed_on - OWN - {"IMPORT_CA_FILE"}) == []
    assert "IMPORT_CA_FILE:" in compose


def test_every_named_block_of_the_operators_guide_is_run_by_a_test() -> None:
    guide = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    named = re.findall(r"^```sh (.+)$", guide, re.MULTILINE)
    tests = (ROOT / "tests" / "docs" / "test_operation_in_pieces.py").read_text(encoding="utf-8")
    composed = (ROOT / "tests" / "system" / "test_compose.py").read_text(encoding="utf-8")
    run = {*re.findall(r'block\("([^"]+)"\)', tests)}
    run |= {f"compose {name}" for name in re.findall(r'guide\("([^"]+)"', composed)}
    assert len(named) >= 9
    assert sorted(named) == sorted(run)


#: What Compose decides itself, and why.
OWN = {
    "PORTAL_DATA_DIR",  # the volume
    "STATIC_ROOT",  # in the image
    "HOST",  # in the image, as the port there
    "PORT",
    "DEBUG",  # never in containers
    "SECRET_KEY",  # generated
    "CRYPTOGRAPHY_KEYS",  # generated
    "REGISTRY_USERNAME",  # the stack's registry trusts tokens
    "REGISTRY_PASSWORD",
    "TOKEN_SERVICE_KEY",  # generated, as what belongs to it
    "TOKEN_SERVICE_CERTIFICATE",
    "REGISTRY_NOTIFICATION_TOKEN",
    "IMPORT_TRANSPORT",  # no Engine within reach
    "IMPORT_DOCKER_ENABLED",
    "DOCKER_HOST",
}


def test_the_guide_names_every_service_of_compose_and_a_restore_stops_all_that_use_its_volumes() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    running = {name: given for name, given in services.items() if given.get("restart") != "no"}
    guide = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    assert set(running) == set(
        re.findall(r"^\| `(\w+)` \|", guide.partition("**Stopping.**")[0], re.MULTILINE)
    )
    users = {
        name
        for name, given in running.items()
        if {"portal", "registry"} & {volume.partition(":")[0] for volume in given["volumes"]}
    }
    (stopped,) = re.findall(r"^```sh compose restore\ndocker compose stop (.*)$", guide, re.MULTILINE)
    assert users <= set(stopped.split())
