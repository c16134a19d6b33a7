"""Token servers that misbehave, or are in trouble."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oci.errors import OciError
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_auth import BearerSignIn, TokenServer
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, refuse, too_many
from tests.oci.copying import client, open_reader

IMAGE = random_image([20_000, 4_096], seed=41)
Make = Callable[..., ScriptedRegistry]


@pytest.mark.parametrize(
    "answer",
    [
        Reply(body=b"not json"),
        Reply(body=b"[]"),
        Reply(body=b"{}"),
        Reply(body=b'{"token": 7}'),
        Reply(body=b'{"token": "a b"}'),
        Reply(body=b'{"token": "a\\r\\nX-Evil: 1"}'),
        Reply(body=b'{"token": "' + b"a" * 1_000_000 + b'"}'),
        Reply(body=b"[" * 60_000),
        Reply(302, [("Location", "/elsewhere")]),
    ],
    ids=lambda reply: reply.body[:20].decode() or str(reply.status),
)
def test_an_unusable_token_answer_breaks_the_protocol(
    make_scripted: Make, make_tokens: Callable[..., TokenServer], answer: Reply
) -> None:
    tokens = make_tokens(answer=answer)
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    with pytest.raises(OciError) as caught:
        Repository(open_reader(registry), "library/app").get_manifest("v1")
    assert caught.value.code == "protocol_error"
    assert tokens.server_name in str(caught.value)


def test_access_token_is_as_good_as_token(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(answer=Reply(body=b'{"access_token": "abc"}'))
    registry = make_scripted()
    registry.rule("GET", "/v2/$", Reply(401, [("WWW-Authenticate", f'Bearer realm="{tokens.realm}"')]))
    registry.add_image("library/app", "v1", IMAGE)
    Repository(open_reader(registry), "library/app").get_manifest("v1")
    assert registry.requests[-1].authorization == "Bearer abc"


def test_a_token_server_in_trouble_is_asked_again(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens()
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    tokens.answer = refuse(503, "UNAVAILABLE")
    reader = open_reader(registry)

    def recover(*_: object) -> None:
        tokens.answer = None

    reader.retrier.on_retry = recover
    assert Repository(reader, "library/app").get_manifest("v1")


def test_a_token_server_that_falls_silent_in_its_answer_has_stalled(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(answer=Reply(body=b'{"token": "x"}', stall_at=5))
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    registry.add_image("library/app", "v1", IMAGE)
    with pytest.raises(OciError) as caught:
        Repository(client(registry, stall_seconds=0.2), "library/app").get_manifest("v1")
    assert caught.value.code == "stalled"


def test_a_token_server_that_limits_the_rate_is_obeyed(
    make_scripted: Make, make_tokens: Callable[..., TokenServer]
) -> None:
    tokens = make_tokens(answer=too_many("3600")(Request("GET", "", [], {}), Reply))
    registry = make_scripted(sign_in=BearerSignIn(tokens))
    with pytest.raises(OciError) as caught:
        Repository(open_reader(registry), "library/app").get_manifest("v1")
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after == 3600
