"""Lists over many pages, and lists that never end."""

from __future__ import annotations

import json

import pytest

from oci.errors import OciError
from stack.sample import random_image
from tests.oci.copying import client
from tests.support.scripted_http import Reply, Request
from tests.support.scripted_registry import ScriptedRegistry

IMAGE = random_image([2_048], seed=131)


def test_all_pages_are_read(source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oci.registry.listing.PAGE_NAMES", 2)
    for number in range(5):
        source.add_image("library/app", f"v{number}", IMAGE)
    assert list(client(source).list_tags("library/app")) == ["v0", "v1", "v2", "v3", "v4"]
    assert len(source.seen("GET", "/tags/list")) == 3


def test_pages_are_read_only_as_far_as_someone_looks(
    source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.registry.listing.PAGE_NAMES", 2)
    for number in range(5):
        source.add_image("library/app", f"v{number}", IMAGE)
    assert next(iter(client(source).list_tags("library/app"))) == "v0"
    assert len(source.seen("GET", "/tags/list")) == 1


def test_a_list_that_goes_in_circles_ends(source: ScriptedRegistry) -> None:
    body = json.dumps({"tags": ["a", "b"]}).encode()
    link = ("Link", '</v2/library/app/tags/list?last=b>; rel="next"')
    source.rule("GET", "/tags/list", Reply(headers=[link], body=body))
    assert list(client(source).list_tags("library/app")) == ["a", "b"]


def test_a_next_page_on_another_host_is_not_asked_for(source: ScriptedRegistry) -> None:
    link = ("Link", '<http://127.0.0.2:1/v2/library/app/tags/list?last=b>; rel="next"')
    source.rule("GET", "/tags/list", Reply(headers=[link], body=b'{"tags": ["a"]}'))
    assert list(client(source).list_tags("library/app")) == ["a"]


@pytest.mark.parametrize("body", [b'{"tags": null}', b"{}", b'{"tags": []}'])
def test_no_tags_are_no_tags(source: ScriptedRegistry, body: bytes) -> None:
    source.rule("GET", "/tags/list", Reply(body=body))
    assert list(client(source).list_tags("library/app")) == []


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>", b'{"tags": "a"}', b'{"tags": [1]}', b'{"tags": [], "tags": ["a"]}', b'{"tags": [NaN]}'),
        b'{"tags": ["%s"]}' % (b"a" * 256),
    ],
)
def test_what_is_no_list_breaks_the_protocol(source: ScriptedRegistry, body: bytes) -> None:
    source.rule("GET", "/tags/list", Reply(body=body))
    with pytest.raises(OciError) as caught:
        list(client(source).list_tags("library/app"))
    assert caught.value.code == "protocol_error"


def test_a_page_beyond_all_measure_is_not_read(source: ScriptedRegistry) -> None:
    source.rule("GET", "/tags/list", Reply(body=b'{"tags": ["' + b"a" * 5_000_000 + b'"]}'))
    with pytest.raises(OciError) as caught:
        list(client(source).list_tags("library/app"))
    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"tags": [' + b",".join([b"{}"] * 200_000) + b"]}"])
def test_a_page_that_would_grow_in_memory_is_not_built(source: ScriptedRegistry, body: bytes) -> None:
    source.rule("GET", "/tags/list", Reply(body=body))
    with pytest.raises(OciError) as caught:
        list(client(source).list_tags("library/app"))
    assert caught.value.code == "limit_exceeded"


def test_a_list_that_never_ends_is_given_up(
    source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.registry.listing.LIST_NAMES", 10)

    def page(request: Request, _proceed: object) -> Reply:
        number = int(request.asked("last") or "0") + 1
        link = ("Link", f'</v2/library/app/tags/list?last={number}>; rel="next"')
        return Reply(headers=[link], body=json.dumps({"tags": [f"a{number}", f"b{number}"]}).encode())

    source.rule("GET", "/tags/list", page)
    with pytest.raises(OciError) as caught:
        list(client(source).list_tags("library/app"))
    assert caught.value.code == "limit_exceeded"
    assert len(source.seen("GET", "/tags/list")) == 6
