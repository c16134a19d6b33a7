"""Signing in at registries: challenges, token servers, and who is shown a credential."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from oci.copy.observer import MountCandidate
from oci.errors import OciError
from oci.registry.auth.credentials import Credential
from oci.registry.repository import Repository
from testbed.copying import NoMounts
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn, BearerSignIn, TokenServer, basic_header
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, cut, redirect
from tests.oci.copying import Recorder, client, copier, open_reader, run

IMAGE = random_image([20_000, 4_096], seed=41)
ACCOUNT = {"ada": "correct horse"}
Make = Callable[..., ScriptedRegistry]


# --- bearer ------------------------------------------------------------------------------------------------


def test_a_public_image_is_read_with_an_anonymous_token(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens()
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    assert Repository(open_reader(registry), "library/app").get_manifest("v1").digest == IMAGE.digest
    (asked,) = tokens.requests
    assert asked.authorization == ""
    assert asked.query == [("service", "scripted"), ("scope", "repository:library/app:pull")]


def test_the_realms_own_query_is_kept(make_scripted: Make, make_tokens: Callable[..., TokenServer]) -> None:
    tokens = make_tokens()
    challenge = f'Bearer realm="{tokens.realm}?tenant=a&mode=x,y",service="s"'
    registry = make_scripted(sign_in=BearerSignIn(tokens, challenge=challenge))
    registry.add_image("library/app", "v1", IMAGE)
    Repository(open_reader(registry), "library/app").get_manifest("v1")
    assert tokens.requests[0].query[:2] == [("tenant", "a"), ("mode", "x,y")]
    assert tokens.requests[0].asked("scope") == "repository:library/app:pull", (
        "built where the challenge has none"
    )


def test_one_token_serves_a_whole_image(
    make_scripted: Make, make_tokens: Callable[..., TokenServer], target: ScriptedRegistry
) -> None:
    tokens = make_tokens()
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    run(copier(registry, target))
    assert len(tokens.requests) == 1


def test_a_lifetime_below_a_minute_counts_as_a_minute(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(expires_in=1)
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    reader = open_reader(registry)
    for _ in range(3):
        Repository(reader, "library/app").get_manifest("v1")
    assert len(tokens.requests) == 1


def test_tokens_of_one_repository_are_not_used_for_another(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens()
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    for name in ("a/one", "a/two"):
        registry.add_image(name, "v1", IMAGE)
    reader = open_reader(registry)
    Repository(reader, "a/one").get_manifest("v1")
    Repository(reader, "a/two").get_manifest("v1")
    assert [each.asked("scope") for each in tokens.requests] == [
        "repository:a/one:pull",
        "repository:a/two:pull",
    ]


def test_a_token_that_ends_in_the_middle_of_a_layer_is_renewed_and_the_place_kept(
    make_scripted: Make, make_tokens: Callable[..., TokenServer], target: ScriptedRegistry
) -> None:
    big = random_image([3_000_000], seed=42)
    tokens = make_tokens()
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", big)

    def cut_and_forget(request: Request, proceed: Callable[[], Reply]) -> Reply:
        reply = cut(2_000_000)(request, proceed)
        tokens.forget()
        return reply

    blob = f"/blobs/{big.blobs[1].digest}"
    registry.rule("GET", blob, cut_and_forget, times=1)
    run(copier(registry, target))
    first, refused, renewed = registry.seen("GET", blob)
    assert first.authorization != renewed.authorization
    assert refused.headers["range"] == renewed.headers["range"]
    assert refused.headers["accept"] == renewed.headers["accept"]


def test_a_registry_that_is_never_content_is_not_asked_for_ever(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens()
    registry = make_scripted(sign_in=BearerSignIn(tokens, uses=0))
    registry.add_image("library/app", "v1", IMAGE)
    with pytest.raises(OciError) as caught:
        Repository(open_reader(registry), "library/app").get_manifest("v1")
    assert caught.value.code == "unauthorized"
    assert len(registry.seen("GET", "/manifests/")) <= 3


def test_a_401_that_names_another_scope_has_it_added_once(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens()
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    wider = f'Bearer realm="{tokens.realm}",service="s",scope="repository:library/base:pull",error="insufficient_scope"'
    registry.rule("GET", "/manifests/", Reply(401, [("WWW-Authenticate", wider)]), times=2)
    reader = open_reader(registry)
    Repository(reader, "library/app").get_manifest("v1")
    scopes = [[value for key, value in each.query if key == "scope"] for each in tokens.requests]
    assert scopes[-1] == ["repository:library/app:pull", "repository:library/base:pull"]


def test_a_mount_asks_for_both_repositories_in_one_token(
    source: ScriptedRegistry, make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens()
    target = make_scripted(sign_in=BearerSignIn(tokens))
    source.add_image("library/app", "v1", IMAGE)
    target.add_image("team/base", "v1", IMAGE)

    class Proof(NoMounts):
        def candidates(self, digest: str, *, refresh: bool = True) -> Sequence[MountCandidate]:
            return [MountCandidate("team/base", needs_source_check=False)]

    observer = Recorder()
    run(copier(source, target, mounts=Proof(), observer=observer))
    assert observer.last(IMAGE.blobs[1].digest) == "mounted"
    scopes = [[value for key, value in each.query if key == "scope"] for each in tokens.requests]
    assert ["repository:team/app:pull,push", "repository:team/base:pull"] in scopes


# --- credentials -------------------------------------------------------------------------------------------


def test_a_password_goes_to_a_token_server_on_the_registrys_host(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(accounts=ACCOUNT, anonymous=False)
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    assert Repository(open_reader(registry, "correct horse"), "library/app").get_manifest("v1")
    assert tokens.requests[0].authorization == basic_header("ada", "correct horse")
    assert not [each for each in registry.requests if each.authorization.startswith("Basic")]


def test_a_wrong_password_fails_even_where_anyone_could_read(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(accounts=ACCOUNT, anonymous=True)
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    with pytest.raises(OciError) as caught:
        Repository(open_reader(registry, "battery staple"), "library/app").get_manifest("v1")
    assert caught.value.code == "unauthorized"
    assert "username or password" in str(caught.value)
    assert "battery staple" not in str(caught.value)
    assert all(each.authorization for each in tokens.requests), "never silently anonymous"


def test_a_refusal_counts_for_all_who_need_the_same_token(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    """Accounts are locked for too many wrong tries: requests that come one after the other share one refusal."""
    tokens = make_tokens(accounts=ACCOUNT, anonymous=False)
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    wrong = Repository(open_reader(registry, "battery staple"), "library/app")
    for _ in range(3):
        with pytest.raises(OciError) as caught:
            wrong.get_manifest("v1")
        assert caught.value.code == "unauthorized"
    assert len(tokens.requests) == 1


def test_a_token_server_elsewhere_is_asked_anonymously(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(host="127.0.0.2", accounts=ACCOUNT)
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    reader = open_reader(registry, "correct horse")
    assert Repository(reader, "library/app").get_manifest("v1")
    assert tokens.requests
    assert not [
        each for each in (*tokens.requests, *registry.requests) if each.authorization.startswith("Basic")
    ]
    template, params = reader.notes[0]
    assert tokens.server_name in template % params


def test_a_refusal_there_says_that_the_password_was_not_shown(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(host="127.0.0.2", accounts=ACCOUNT, anonymous=False)
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    with pytest.raises(OciError, match="not trusted with the username") as caught:
        Repository(open_reader(registry, "correct horse"), "library/app").get_manifest("v1")
    assert caught.value.code == "unauthorized"


def test_a_token_server_that_the_operator_trusts_sees_the_password(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(host="127.0.0.2", accounts=ACCOUNT, anonymous=False)
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    reader = open_reader(registry, "correct horse", trusted_realms=[tokens.server_name])
    assert Repository(reader, "library/app").get_manifest("v1")


def test_no_redirect_is_followed_on_a_token_request(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    thief = make_scripted(host="127.0.0.3")
    tokens = make_tokens(answer=Reply(307, [("Location", f"{thief.url}/token")]))
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    with pytest.raises(OciError, match="redirect"):
        Repository(open_reader(registry, "correct horse"), "library/app").get_manifest("v1")
    assert not thief.requests


def test_a_redirect_to_another_host_takes_no_token_along(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens()
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    other = make_scripted(host="127.0.0.2")
    other.add_image("library/app", "v1", IMAGE)
    registry.rule("GET", "/manifests/", redirect(other.url + "{path}"))
    assert Repository(open_reader(registry), "library/app").get_manifest("v1").digest == IMAGE.digest
    assert [each.authorization for each in other.requests] == [""]


def test_a_redirect_to_another_port_takes_no_password_along(make_scripted: Make) -> None:
    registry = make_scripted(sign_in=BasicSignIn(ACCOUNT))
    other = make_scripted()
    other.add_image("library/app", "v1", IMAGE)
    registry.rule("GET", "/manifests/", redirect(other.url + "{path}"))
    assert Repository(open_reader(registry, "correct horse"), "library/app").get_manifest("v1")
    assert [each.authorization for each in other.requests] == [""]


def test_a_401_from_another_host_gets_no_password(make_scripted: Make) -> None:
    registry = make_scripted(sign_in=BasicSignIn(ACCOUNT))
    thief = make_scripted(host="127.0.0.2", sign_in=BasicSignIn({"x": "y"}))
    registry.rule("GET", "/manifests/", redirect(thief.url + "{path}"))
    with pytest.raises(OciError):
        Repository(open_reader(registry, "correct horse"), "library/app").get_manifest("v1")
    assert thief.requests and not [each for each in thief.requests if each.authorization]


def test_basic_is_answered_with_basic(make_scripted: Make) -> None:
    registry = make_scripted(sign_in=BasicSignIn(ACCOUNT))
    registry.add_image("library/app", "v1", IMAGE)
    assert Repository(open_reader(registry, "correct horse"), "library/app").get_manifest("v1")


def test_a_wrong_password_at_a_basic_registry_is_tried_once(make_scripted: Make) -> None:
    registry = make_scripted(sign_in=BasicSignIn(ACCOUNT))
    with pytest.raises(OciError, match="username or password") as caught:
        Repository(open_reader(registry, "wrong"), "library/app").get_manifest("v1")
    assert caught.value.code == "unauthorized"
    assert len(registry.seen("GET", "/manifests/")) == 1


def test_a_basic_registry_without_a_password_is_unauthorized(make_scripted: Make) -> None:
    registry = make_scripted(sign_in=BasicSignIn(ACCOUNT))
    with pytest.raises(OciError) as caught:
        Repository(open_reader(registry), "library/app").get_manifest("v1")
    assert caught.value.code == "unauthorized"


def test_bearer_is_preferred_where_both_are_offered(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(accounts=ACCOUNT)
    both = f'Basic realm="x", Bearer realm="{tokens.realm}",service="s"'
    registry = make_scripted(sign_in=BearerSignIn(tokens, challenge=both))
    registry.add_image("library/app", "v1", IMAGE)
    assert Repository(open_reader(registry, "correct horse"), "library/app").get_manifest("v1")
    assert not [each for each in registry.requests if each.authorization.startswith("Basic")]


def test_an_identity_token_is_exchanged_by_post(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(anonymous=False)
    tokens.refresh_tokens["refresh-me"] = "ada"
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    identity = Credential(registry.server_name, "<token>", "refresh-me")
    assert Repository(open_reader(registry, credential=identity), "library/app").get_manifest("v1")
    (asked,) = tokens.requests
    assert asked.method == "POST"
    assert b"grant_type=refresh_token" in asked.body and asked.query == []


@pytest.mark.parametrize(
    "realm",
    [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/token",
        "http://2130706433/",
        "http://user:pass@127.0.0.1/",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_realm_may_not_lead_astray(make_scripted: Make, realm: str) -> None:
    registry = make_scripted()
    registry.rule("GET", "/v2/", Reply(401, [("WWW-Authenticate", f'Bearer realm="{realm}",service="s"')]))
    with pytest.raises(OciError) as caught:
        Repository(open_reader(registry, "correct horse"), "library/app").get_manifest("v1")
    assert caught.value.code in ("blocked_address", "protocol_error", "unauthorized")


class HidesFromStrangers(BasicSignIn):
    """Says of everything but its root that it is not there, until it knows who asks."""

    def refuse(self, request: Request, needs: str) -> Reply | None:
        if request.path != "/v2/" and not request.authorization:
            return Reply(404)
        return super().refuse(request, needs)


def test_with_a_credential_the_registry_is_first_asked_how_to_sign_in(make_scripted: Make) -> None:
    registry = make_scripted(sign_in=HidesFromStrangers(ACCOUNT))
    registry.add_image("library/app", "v1", IMAGE)
    credential = Credential(registry.server_name, "ada", ACCOUNT["ada"])
    made = client(registry, credential=credential)
    for _ in range(2):
        assert Repository(made, "library/app").head_manifest("v1") is not None
    assert [each.path for each in registry.requests] == ["/v2/", *["/v2/library/app/manifests/v1"] * 2]


def test_a_registry_that_asks_nobody_is_asked_once(make_scripted: Make) -> None:
    registry = make_scripted()
    registry.add_image("library/app", "v1", IMAGE)
    made = client(registry, credential=Credential(registry.server_name, "ada", "x"))
    for _ in range(2):
        assert Repository(made, "library/app").head_manifest("v1") is not None
    assert len(registry.seen("GET", "/v2/")) - len(registry.seen("GET", "/manifests/")) == 1
    assert not any(each.authorization for each in registry.requests)


def test_without_one_the_first_question_is_about_the_image(
    make_scripted: Make, target: ScriptedRegistry
) -> None:
    registry = make_scripted()
    registry.add_image("library/app", "v1", IMAGE)
    run(copier(registry, target))
    assert [each.path for each in (*registry.requests, *target.requests) if each.path == "/v2/"] == []


# --- the portal's own registry ------------------------------------------------------------------------------


def test_a_token_provider_signs_in_without_any_token_server(
    source: ScriptedRegistry, make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(lifetime=300)
    target = make_scripted(sign_in=BearerSignIn(tokens))
    source.add_image("library/app", "v1", IMAGE)
    asked: list[tuple[str, ...]] = []

    def provide(scopes: Sequence[str]) -> str:
        asked.append(tuple(scopes))
        token = f"own-{len(asked)}"
        tokens._given[token] = (list(scopes), float("inf"))
        return token

    run(copier(source, target, target_options={"token_provider": provide}))
    assert not tokens.requests
    assert set(asked) == {("repository:team/app:pull,push",)}
    assert len(asked) == 1


def test_a_token_of_ours_that_is_refused_is_made_anew_once(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens()
    target = make_scripted(sign_in=BearerSignIn(tokens))
    made: list[str] = []

    def provide(scopes: Sequence[str]) -> str:
        made.append(f"refused-{len(made)}")
        return made[-1]

    own = client(target, role="target", token_provider=provide)
    with pytest.raises(OciError) as caught:
        Repository(own, "team/app").find_manifest("v1")
    assert caught.value.code == "target_error"
    assert len(made) == 2
