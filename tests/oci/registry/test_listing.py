"""Lists over many pages, and lists that never end."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from oci.errors import OciError
from oci.registry.listing import TagFacts
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import client

IMAGE = random_image([2_048], seed=131)


def test_all_pages_are_read(source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oci.registry.listing.PAGE_NAMES", 2)
    for number in range(5):
        source.add_image("library/app", f"v{number}", IMAGE)
    assert list(Repository(client(source), "library/app").list_tags()) == ["v0", "v1", "v2", "v3", "v4"]
    assert len(source.seen("GET", "/tags/list")) == 3


def test_pages_are_read_only_as_far_as_someone_looks(
    source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.registry.listing.PAGE_NAMES", 2)
    for number in range(5):
        source.add_image("library/app", f"v{number}", IMAGE)
    assert next(iter(Repository(client(source), "library/app").list_tags())) == "v0"
    assert len(source.seen("GET", "/tags/list")) == 1


def test_a_list_that_goes_in_circles_ends(source: ScriptedRegistry) -> None:
    body = json.dumps({"tags": ["a", "b"]}).encode()
    link = ("Link", '</v2/library/app/tags/list?last=b>; rel="next"')
    source.rule("GET", "/tags/list", Reply(headers=[link], body=body))
    assert list(Repository(client(source), "library/app").list_tags()) == ["a", "b"]


def test_a_next_page_on_another_host_is_not_asked_for(source: ScriptedRegistry) -> None:
    link = ("Link", '<http://127.0.0.2:1/v2/library/app/tags/list?last=b>; rel="next"')
    source.rule("GET", "/tags/list", Reply(headers=[link], body=b'{"tags": ["a"]}'))
    assert list(Repository(client(source), "library/app").list_tags()) == ["a"]


def test_what_googles_list_tells_of_its_tags_is_read_and_of_no_others(source: ScriptedRegistry) -> None:
    digest = f"sha256:{'a' * 64}"
    told = {
        digest: {"tag": ["a", "gone", 5], "timeUploadedMs": "1795732805000"},
        "no digest": {"tag": ["b"], "timeUploadedMs": "1795732805000"},
        f"sha256:{'b' * 64}": {"tag": "b"},
        f"sha256:{'c' * 64}": None,
    }
    body = json.dumps({"tags": ["a", "b"], "manifest": told}).encode()
    source.rule("GET", "/tags/list", Reply(body=body))
    facts: dict[str, TagFacts] = {}
    assert list(Repository(client(source), "library/app").list_tags(facts)) == ["a", "b"]
    moment = dt.datetime(2026, 11, 26, 22, 40, 5, tzinfo=dt.UTC)
    assert facts == {"a": TagFacts(digest, moment)}


@pytest.mark.parametrize("body", [b'{"tags": null}', b"{}", b'{"tags": []}'])
def test_no_tags_are_no_tags(source: ScriptedRegistry, body: bytes) -> None:
    source.rule("GET", "/tags/list", Reply(body=body))
    assert list(Repository(client(source), "library/app").list_tags()) == []


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
        list(Repository(client(source), "library/app").list_tags())
    assert caught.value.code == "protocol_error"


def test_a_page_beyond_all_measure_is_not_read(source: ScriptedRegistry) -> None:
    source.rule("GET", "/tags/list", Reply(body=b'{"tags": ["' + b"a" * 5_000_000 + b'"]}'))
    with pytest.raises(OciError) as caught:
        list(Repository(client(source), "library/app").list_tags())
    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"tags": [' + b",".join([b"{}"] * 200_000) + b"]}"])
def test_a_page_that_would_grow_in_memory_is_not_built(source: ScriptedRegistry, body: bytes) -> None:
    source.rule("GET", "/tags/list", Reply(body=body))
    with pytest.raises(OciError) as caught:
        list(Repository(client(source), "library/app").list_tags())
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
        list(Repository(client(source), "library/app").list_tags())
    assert caught.value.code == "limit_exceeded"
    assert len(source.seen("GET", "/tags/list")) == 6
