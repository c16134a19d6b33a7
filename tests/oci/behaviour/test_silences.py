"""The stall time holds for each kind of request, when that alone falls silent: nothing hangs at the last image."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Event

import pytest

from oci.errors import OciError
from testbed.images import random_image
from testbed.scripted_auth import BearerSignIn, TokenServer
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, redirect
from tests.oci.copying import copier, run

#: Over one connection, and in parts.
pytestmark = pytest.mark.usefixtures("in_parts")

Make = Callable[..., ScriptedRegistry]
IMAGE = random_image([50_000], seed=61)
LAYER = IMAGE.blobs[1].digest
#: Seconds without a byte; five tries of each request take as many of them.
STALL = 0.3
#: On a machine that is busy with other tests. Seconds.
MOST = 60.0
OPTIONS = {"stall_seconds": STALL, "headers_seconds": STALL}


@pytest.fixture
def over() -> Iterator[Event]:
    """Set when the test is over, so that who is silent need not be waited for."""
    found = Event()
    yield found
    found.set()


def silent(over: Event) -> Callable[[Request, Callable[[], Reply]], Reply]:
    """Takes the request and says nothing."""

    def act(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        over.wait(120)
        return proceed()

    return act


def falls_silent(registry: ScriptedRegistry, target: ScriptedRegistry) -> OciError:
    began = time.monotonic()
    with pytest.raises(OciError) as ended:
        run(copier(registry, target, source_options=OPTIONS, target_options=OPTIONS))
    assert time.monotonic() - began < MOST
    return ended.value


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/library/app/manifests/sha256:"),
        ("HEAD", "/v2/library/app/manifests/v1"),
        ("GET", "/v2/library/app/referrers/"),
        ("HEAD", "/v2/library/app/manifests/sha256-"),
        ("GET", f"/v2/library/app/blobs/{LAYER}"),
    ],
    ids=["manifest", "HEAD", "referrers", "fallback tag", "blob"],
)
def test_a_source_that_is_silent_at_one_kind_of_question_has_stalled(
    source: ScriptedRegistry, target: ScriptedRegistry, over: Event, method: str, path: str
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule(method, path, silent(over))
    ended = falls_silent(source, target)
    assert ended.code == "stalled"
    assert source.server_name in str(ended)
    assert "v1" not in target.repository("team/app").manifests


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/v2/team/app/blobs/"),
        ("POST", "/v2/team/app/blobs/uploads/"),
        ("PUT", "/v2/team/app/blobs/uploads/"),
        ("PUT", "/v2/team/app/manifests/v1"),
    ],
    ids=["HEAD", "begun upload", "upload", "tag"],
)
def test_a_target_that_is_silent_at_one_kind_of_request_has_stalled(
    source: ScriptedRegistry, target: ScriptedRegistry, over: Event, method: str, path: str
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.rule(method, path, silent(over))
    ended = falls_silent(source, target)
    assert ended.code == "stalled"
    assert target.server_name in str(ended)


def test_a_target_that_is_silent_when_the_tag_is_read_back_is_given_up(
    source: ScriptedRegistry, target: ScriptedRegistry, over: Event
) -> None:
    """The tag was put; whether it stands is not known, which is said as a fault of the target."""
    source.add_image("library/app", "v1", IMAGE)
    target.rule("GET", "/v2/team/app/manifests/v1", silent(over))
    assert falls_silent(source, target).code == "target_error"


def test_a_token_server_that_is_silent_has_stalled(
    make_scripted: Make, make_tokens: Callable[..., TokenServer], target: ScriptedRegistry, over: Event
) -> None:
    tokens = make_tokens()
    answer = tokens.handle

    def silence(request: Request) -> Reply:
        over.wait(120)
        return answer(request)

    tokens.handle = silence  # type: ignore[method-assign]
    source = make_scripted(sign_in=BearerSignIn(tokens))
    source.add_image("library/app", "v1", IMAGE)
    ended = falls_silent(source, target)
    assert ended.code == "stalled"
    assert tokens.server_name in str(ended)


def test_storage_behind_a_redirect_that_is_silent_has_stalled(
    make_scripted: Make, source: ScriptedRegistry, target: ScriptedRegistry, over: Event
) -> None:
    storage = make_scripted(host="127.0.0.2")
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", f"/blobs/{LAYER}", redirect(storage.url + "{path}"))
    storage.rule("GET", "", silent(over))
    ended = falls_silent(source, target)
    assert ended.code == "stalled"
    assert storage.server_name in str(ended)
