"""Tokens that live for a shorter time than a layer takes, at source and target, and passwords that end meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from oci.errors import OciError
from oci.registry.auth.credentials import Credential
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn, BearerSignIn, TokenServer
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, cut, drip
from tests.oci.copying import Recorder, client, copier, run

#: Over one connection, and in parts.
pytestmark = pytest.mark.usefixtures("in_parts")

Make = Callable[..., ScriptedRegistry]
LAYERS = 2
IMAGE = random_image([400_000] * LAYERS, seed=71)
#: A token lives for so long, and a layer takes longer. Seconds.
LIFE = 1.5


@dataclass
class Strict(BearerSignIn):
    """Remembers the tokens that it refused."""

    refused: set[str] = field(default_factory=set)

    def refuse(self, request: Request, needs: str) -> Reply | None:
        reply = super().refuse(request, needs)
        if reply is not None and request.authorization:
            self.refused.add(request.authorization)
        return reply


def slow(registry: ScriptedRegistry) -> None:
    """Each layer takes longer than a token lives."""
    for blob in IMAGE.blobs[1:]:
        registry.rule("GET", f"/blobs/{blob.digest}", drip(50_000, LIFE / 5))


def test_a_token_that_ends_within_each_layer_is_renewed_once_each_at_both_ends(
    make_scripted: Make, make_tokens: Callable[..., TokenServer], in_parts: bool
) -> None:
    """``expires_in`` says five seconds, which counts as a minute: the registry's 401 tells that it has ended."""
    reads, writes = make_tokens(expires_in=5, lifetime=LIFE), make_tokens(expires_in=5, lifetime=LIFE)
    source = make_scripted(sign_in=Strict(reads))
    target = make_scripted(sign_in=Strict(writes))
    source.add_image("library/app", "v1", IMAGE)
    slow(source)
    seen = Recorder()
    run(copier(source, target, observer=seen, parallel=1))
    assert target.repository("team/app").manifests["v1"][1] == IMAGE.manifest.data
    assert seen.waits == []
    for tokens, registry in ((reads, source), (writes, target)):
        assert isinstance(registry.sign_in, Strict)
        # Parts may be quicker than a token's life is short.
        assert in_parts or len(registry.sign_in.refused) >= LAYERS - 1
        # Parts that are refused with one token share the next one.
        assert len(tokens.requests) == len(registry.sign_in.refused) + 1
    for blob in IMAGE.blobs[1:]:
        # Refused once with the old token, then read whole.
        assert in_parts or len(source.seen("GET", blob.digest)) <= 2


@pytest.mark.parametrize("how", ["token", "basic"])
def test_a_password_that_is_changed_in_the_middle_ends_as_unauthorized_at_once(
    make_scripted: Make,
    make_tokens: Callable[..., TokenServer],
    target: ScriptedRegistry,
    how: str,
    in_parts: bool,
) -> None:
    tokens = make_tokens(accounts={"ada": "old"}, anonymous=False)
    accounts = {"ada": "old"}
    source = make_scripted(sign_in=BearerSignIn(tokens) if how == "token" else BasicSignIn(accounts))
    source.add_image("library/app", "v1", IMAGE)
    changed: list[float] = []

    def change(request: Request, proceed: Callable[[], Reply]) -> Reply:
        reply = cut(200_000)(request, proceed)
        accounts["ada"] = tokens.accounts["ada"] = "new"
        tokens.forget()
        changed.append(time.monotonic())
        return reply

    source.rule("GET", f"/blobs/{IMAGE.blobs[1].digest}", change, times=1)
    reader = client(source, credential=Credential(source.server_name, "ada", "old"))
    with pytest.raises(OciError) as ended:
        run(copier(reader, target, parallel=1))
    assert ended.value.code == "unauthorized"
    assert not ended.value.retryable
    after = [each for each in source.requests if each.at > changed[0]]
    asked = [each for each in tokens.requests if each.at > changed[0]]
    # Each connection that was under way hears of it once.
    assert len(after) <= (8 if in_parts else 2)
    assert len(asked) <= 1
    assert "v1" not in target.repository("team/app").manifests
