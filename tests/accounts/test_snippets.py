"""What is pasted elsewhere arrives there as it is: run in a shell, read as YAML, TOML and JSON."""

from __future__ import annotations

import base64
import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from accounts.snippets import VARIABLE, api_snippet, pull_secret_name, sign_in_snippets
from projects.models import Robot
from tests.support.people import PASSWORD, Team

HOST = "registry.example.com:5000"
#: What a shell, YAML, JSON or TOML could make something else of.
LOGINS = ("robot$library+cluster", "ann", "o'hara", 'quote"d', "back\\slash", "$(touch hit)", "`id`", "名字")
#: Says each of its arguments and its standard input, on lines of their own.
_TELLS = '#!/bin/sh\nprintf "%s\\n" "$@"\nprintf "stdin:"\n[ -p /dev/stdin ] && cat\nexit 0\n'


@pytest.fixture(autouse=True)
def _host(settings: Any) -> None:
    settings.REGISTRY_PUBLIC_HOST = HOST


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Runs a line with clients that say what they were given."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("docker", "podman", "kubectl", "gh", "glab", "curl"):
        (tools / name).write_text(_TELLS)
        (tools / name).chmod(0o755)

    def run(line: str, **env: str) -> tuple[list[str], str]:
        path = {"PATH": f"{tools}:/usr/bin:/bin", "LANG": "C.UTF-8", **env}
        done = subprocess.run(
            ["/bin/sh", "-c", line], env=path, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        arguments, _colon, given = done.stdout.partition("stdin:")
        assert not (tmp_path / "hit").exists()
        return arguments.splitlines(), given

    return run


def snippets(login: str, secret: str) -> dict[str, str]:
    made = sign_in_snippets(username=login, secret=secret, name="library")
    return {snippet.name: snippet.text for snippet in made}


@pytest.mark.parametrize("login", LOGINS)
def test_each_shell_line_gives_the_login_and_the_secret_unchanged(shell: Any, login: str) -> None:
    secret = f"rps_{login}$HOME"
    made = snippets(login, secret)
    for client in ("docker", "podman"):
        arguments, given = shell(made[client])
        assert arguments == ["login", "--username", login, "--password-stdin", HOST]
        assert given == secret
    arguments, _given = shell(made["kubernetes"])
    assert arguments == [
        *("create", "secret", "docker-registry", "library-pull"),
        *(f"--docker-server={HOST}", f"--docker-username={login}", f"--docker-password={secret}"),
    ]
    assert shell(made["github-secret"]) == (["secret", "set", VARIABLE], secret)
    assert shell(made["gitlab-secret"])[0] == ["variable", "set", VARIABLE, secret, "--masked", "--raw"]
    arguments, _given = shell(api_snippet("https://portal.example/api/v1", secret).text)
    assert arguments == [
        "--header",
        f"Authorization: Bearer {secret}",
        "https://portal.example/api/v1/projects",
    ]


@pytest.mark.parametrize("login", LOGINS)
def test_files_and_pipelines_read_what_was_written(shell: Any, login: str) -> None:
    made = snippets(login, "se$cret")
    step = yaml.safe_load(made["github"])[0]
    assert step["with"]["registry"] == HOST
    assert step["with"]["username"] == login
    assert step["with"]["password"] == "${{ secrets.REGISTRY_PASSWORD }}"
    line = yaml.safe_load(made["gitlab"])["before_script"][0]
    arguments, given = shell(line, **{VARIABLE: "se$cret"})
    assert arguments == ["login", "--username", login, "--password-stdin", HOST]
    assert given == "se$cret"
    held = tomllib.loads(made["containerd"])["plugins"]["io.containerd.cri.v1.images"]["registry"]["configs"]
    assert held[HOST]["auth"] == {"username": login, "password": "se$cret"}
    auth = json.loads(made["auth"])["auths"][HOST]["auth"]
    assert base64.b64decode(auth).decode() == f"{login}:se$cret"


def test_no_pipeline_file_holds_the_secret() -> None:
    made = snippets("robot$library+cluster", "canary-secret")
    assert "canary" not in made["github"] + made["gitlab"]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("library", "library-pull"),
        ("data_team", "data-team-pull"),
        ("Ann@x", "ann-x-pull"),
        ("名", "registry-pull"),
    ],
)
def test_a_secret_is_called_as_a_cluster_takes_it(name: str, secret: str) -> None:
    assert pull_secret_name(name) == secret


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_new_robot_is_shown_with_its_lines_once(language: str) -> None:
    team = Team.make()
    client = Client(headers={"accept-language": language})
    client.force_login(team.users["owner"])
    made = client.post(
        "/projects/team/settings/robots/new/", {"name": "cluster", "access": "pull", "expires_in_days": ""}
    )
    page = made.content.decode()
    robot = Robot.objects.get()
    assert "&#x27;robot$team+cluster&#x27;" in page
    assert "docker login --username" in page
    for words in ("kubectl create secret", "docker/login-action", "before_script:", "auth.json", "GitLab CI"):
        assert words in page, words
    assert page.count("data-copy=") >= 11
    again = client.get("/projects/team/settings/").content.decode()
    assert robot.login in again
    assert "rps_" not in again


@pytest.mark.django_db
def test_a_new_token_is_shown_with_its_lines_once() -> None:
    Team.make()
    client = Client()
    signed_in = client.post("/accounts/login/", {"username": "team-viewer", "password": PASSWORD})
    assert signed_in.status_code == 302
    made = client.post("/accounts/tokens/", {"name": "ci", "scope": "read", "expires_in_days": ""})
    page = made.content.decode()
    assert made.status_code == 201
    assert "docker login --username &#x27;team-viewer&#x27;" in page
    assert "http://testserver/api/v1/projects" in page
    assert "docker login --username" not in client.get("/accounts/").content.decode()
