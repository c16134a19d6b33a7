"""What `portal login` keeps, for whom, and to which portal it is shown."""

from __future__ import annotations

import json
import stat

import pytest

from testbed.portal import ADMIN, PortalProcess
from testbed.scripted_http import Reply, ScriptedServer
from tests.client.conftest import Terminal


def test_the_token_is_kept_for_its_owner_alone_and_shown_nowhere(
    portal: PortalProcess, terminal: Terminal
) -> None:
    said = terminal.program(
        "login", portal.url, "-u", ADMIN, "--password-stdin", typed=portal.password + "\n"
    )
    assert said.code == 0, said
    assert stat.S_IMODE(terminal.kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(terminal.kept.parent.stat().st_mode) == 0o700
    token = json.loads(terminal.kept.read_text(encoding="utf-8"))["portals"][portal.url]["token"]
    listed = terminal.succeed("token", "list")
    for text in (said.out, said.err, listed.out, listed.err):
        assert token not in text
        assert portal.password not in text


def test_signing_out_revokes_the_token_and_forgets_it(portal: PortalProcess, signed_in: Terminal) -> None:
    token = json.loads(signed_in.kept.read_text(encoding="utf-8"))["portals"][portal.url]["token"]
    assert portal.call("GET", "/projects", token=token).status_code == 200
    signed_in.succeed("logout")
    assert portal.call("GET", "/projects", token=token).status_code == 401
    assert token not in signed_in.kept.read_text(encoding="utf-8")
    assert signed_in.run("project", "list").code == 1


def test_a_wrong_password_is_told_in_one_line_and_keeps_nothing(
    portal: PortalProcess, terminal: Terminal
) -> None:
    said = terminal.run("login", portal.url, "-u", ADMIN, "--password-stdin", typed="wrong\n")
    wrong = {"username": ADMIN, "password": "wrong"}
    sentence = portal.call("POST", "/auth/tokens", wrong, token="").json()["detail"]
    assert (said.code, said.out, said.err) == (1, "", f"Error: {sentence}\n")
    assert not terminal.kept.exists()


def test_a_token_that_was_made_on_the_page_is_tried_before_it_is_kept(
    portal: PortalProcess, terminal: Terminal
) -> None:
    assert terminal.run("login", portal.url, "--token-stdin", typed="rpt_nonsense\n").code == 1
    assert not terminal.kept.exists()
    terminal.succeed("login", portal.url, "--token-stdin", typed=portal.token + "\n")
    assert terminal.succeed("token", "list", "--json").rows


def test_a_file_that_others_can_read_is_not_trusted(signed_in: Terminal) -> None:
    signed_in.kept.chmod(0o644)
    said = signed_in.run("project", "list")
    assert said.code == 1
    assert f"chmod 600 {signed_in.kept}" in said.err


def test_a_kept_token_goes_to_its_own_portal_only(signed_in: Terminal) -> None:
    with ScriptedServer(lambda _request: Reply(200, body=b'{"next": null, "results": []}')) as stranger:
        said = signed_in.run("project", "list", "--server", stranger.url)
        assert said.code == 1
        assert f"portal login {stranger.url}" in said.err
        assert stranger.requests == []


def test_a_redirect_or_a_next_page_on_another_host_does_not_get_the_token(terminal: Terminal) -> None:
    page = b'{"next": "%s/api/v1/projects?cursor=two", "results": []}'
    with ScriptedServer(lambda _request: Reply(200, body=b"{}")) as thief:

        def answer(request: object) -> Reply:
            if "tokens" in getattr(request, "path", ""):
                return Reply(302, [("Location", f"{thief.url}/api/v1/auth/tokens")])
            more = getattr(request, "query", None) and ("cursor", "two") in request.query  # type: ignore[attr-defined]
            return Reply(200, body=b'{"next": null, "results": []}' if more else page % thief.url.encode())

        with ScriptedServer(answer) as server:
            named = {"PORTAL_URL": server.url, "PORTAL_TOKEN": "rpt_mine"}
            assert terminal.run("project", "list", **named).code == 0
            moved = terminal.run("token", "list", **named)
            assert moved.code == 1
            assert f"another address: {thief.url}" in moved.err
            assert len(server.seen("GET", "/projects")) == 2
        assert thief.requests == []


def test_options_win_over_variables_and_variables_over_what_is_kept(
    portal: PortalProcess, signed_in: Terminal
) -> None:
    nobody = {"PORTAL_URL": "http://127.0.0.1:9", "PORTAL_TOKEN": "rpt_none"}
    assert signed_in.run("project", "list", PORTAL_TOKEN="rpt_none").code == 1
    words = ("--server", portal.url, "--token", portal.token)
    assert signed_in.run(*words, "project", "list", **nobody).code == 0
    assert signed_in.run("project", "list", *words, **nobody).code == 0
    secret = signed_in.home / "token"
    secret.write_text(portal.token + "\n", encoding="utf-8")
    file = {"PORTAL_URL": portal.url, "PORTAL_TOKEN_FILE": str(secret)}
    assert signed_in.run("project", "list", **file).code == 0


def test_an_address_with_a_password_in_it_is_refused_without_repeating_it(terminal: Terminal) -> None:
    said = terminal.run(
        "login", "https://ada:hunter2@portal.example.com", "-u", "x", "--password-stdin", typed="p\n"
    )
    assert said.code == 1
    assert "hunter2" not in said.err


@pytest.mark.parametrize(
    "typed",
    [
        "[portal]",
        "https://[",
        "https://me:[canary]@host",
        "https://@host",
        "host:99999",
        "host:port",
        "ftp://host",
    ],
)
def test_what_is_no_address_is_told_in_one_line_by_every_python(typed: str, terminal: Terminal) -> None:
    said = terminal.run("login", typed, "--token-stdin", typed="rpt_nonsense\n")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("Error: ") and said.err.endswith("is not an address of a portal.\n")
    assert "canary" not in said.err
