"""Requests at a registry: redirects by hand, rate limits, tries."""

from __future__ import annotations

import datetime as dt
import email.utils
import time
from collections.abc import Callable
from typing import Any

import pytest

from oci.egress.door import Door, EgressPolicy
from oci.errors import OciError
from oci.registry.rate_limit import LocalRateLimits, RateLimit
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_http import Reply, ScriptedServer
from testbed.scripted_registry import ScriptedRegistry, hang_up, redirect, refuse, too_many
from tests.oci.copying import Recorder, client, copier, quick_budget, run

IMAGE = random_image([4_096], seed=51)
Make = Callable[..., ScriptedRegistry]


def _get(registry: ScriptedRegistry, **more: Any) -> Any:
    registry.add_image("library/app", "v1", IMAGE)
    return Repository(client(registry, **more), "library/app").get_manifest("v1")


# --- what is sent ------------------------------------------------------------------------------------------


def test_every_request_names_the_product_and_wants_no_coding(source: ScriptedRegistry) -> None:
    _get(source)
    headers = source.requests[-1].headers
    assert headers["user-agent"].startswith("registry-portal/")
    assert headers["accept-encoding"] == "identity"
    assert "vnd.oci.image.index.v1+json" in headers["accept"] and "manifest.list.v2+json" in headers["accept"]
    assert "cookie" not in headers


def test_cookies_are_not_kept(source: ScriptedRegistry) -> None:
    source.extra_headers = [("Set-Cookie", "session=1")]
    _get(source)
    _get(source)
    assert not [each for each in source.requests if "cookie" in each.headers]


def test_proxies_of_the_environment_are_not_used(
    source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert _get(source).digest == IMAGE.digest


def test_connections_are_kept(source: ScriptedRegistry) -> None:
    reader = client(source)
    source.add_image("library/app", "v1", IMAGE)
    for _ in range(5):
        Repository(reader, "library/app").get_manifest("v1")
    assert source.connections == 1


def test_a_kept_connection_that_the_server_closed_costs_no_try(source: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    observer = Recorder()
    reader = client(source, on_retry=observer.retried)
    Repository(reader, "library/app").get_manifest("v1")
    for connection in list(source._live):
        connection.shutdown(2)
    time.sleep(0.05)
    Repository(reader, "library/app").get_manifest("v1")
    assert observer.retries == 0


def test_a_server_that_answers_in_http_1_0_is_understood() -> None:
    body = IMAGE.manifest.data
    raw = b"HTTP/1.0 200 OK\r\nContent-Type: %b\r\n\r\n%b" % (IMAGE.manifest.media_type.encode(), body)
    with ScriptedServer(lambda _: Reply(raw=raw)) as server:
        assert Repository(client(server), "library/app").get_manifest("v1").digest == IMAGE.digest


# --- redirects ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_manifest_may_come_from_another_host(
    source: ScriptedRegistry, make_scripted: Make, status: int
) -> None:
    other = make_scripted(host="127.0.0.2")
    other.add_image("library/app", "v1", IMAGE)
    source.rule("GET", "/manifests/", redirect(other.url + "{path}", status))
    assert _get(source).digest == IMAGE.digest
    assert other.requests[0].headers["accept"] == source.requests[-1].headers["accept"]


def test_five_redirects_are_followed_and_not_six(source: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", "/manifests/", redirect("{path}"), times=5)
    assert _get(source)
    source.rule("GET", "/manifests/", redirect("{path}"), times=6)
    with pytest.raises(OciError, match="redirect loop") as caught:
        _get(source)
    assert caught.value.code == "protocol_error"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.1.2.3:5000/v2/",
        "http://[::ffff:10.0.0.1]/",
        "http://0x7f000001/",
        "http://metadata.google.internal/",
    ],
)
def test_a_redirect_passes_the_address_policy(source: ScriptedRegistry, location: str) -> None:
    source.rule("GET", "/manifests/", redirect(location))
    with pytest.raises(OciError) as caught:
        _get(source)
    assert caught.value.code == "blocked_address"


@pytest.mark.parametrize(
    "location", ["http://user:secret@127.0.0.1/", "ftp://127.0.0.1/", "http://a b/", "javascript:x"]
)
def test_a_redirect_to_no_usable_address_breaks_the_protocol(source: ScriptedRegistry, location: str) -> None:
    source.rule("GET", "/manifests/", redirect(location))
    with pytest.raises(OciError) as caught:
        _get(source)
    assert caught.value.code == "protocol_error"
    assert "secret" not in str(caught.value)


def test_plain_http_elsewhere_is_refused_where_the_operator_did_not_allow_it(
    source: ScriptedRegistry, make_scripted: Make
) -> None:
    other = make_scripted(host="127.0.0.2")
    door = Door(EgressPolicy(private_sources=("127.0.0.1", "127.0.0.2"), insecure_sources=("127.0.0.1",)))
    source.rule("GET", "/manifests/", redirect(other.url + "{path}"))
    with pytest.raises(OciError, match="plain HTTP") as caught:
        _get(source, door=door)
    assert caught.value.code == "blocked_address"
    assert not other.requests


def test_a_write_is_not_turned_into_a_read(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    target.rule("POST", "/blobs/uploads/", redirect("/v2/", 303))
    with pytest.raises(OciError, match="303"):
        run(copier(source, target))


def test_a_write_is_redirected_with_its_body(
    source: ScriptedRegistry, target: ScriptedRegistry, make_scripted: Make
) -> None:
    other = make_scripted(host="127.0.0.2")
    source.add_image("library/app", "v1", IMAGE)
    other.repository("team/app").blobs = target.repository("team/app").blobs
    target.rule("PUT", "/manifests/", redirect(other.url + "{path}"))
    target.rule("GET", "/manifests/v1", redirect(other.url + "{path}"))
    run(copier(source, target))
    assert other.repository("team/app").manifests["v1"][1] == IMAGE.manifest.data


# --- rate limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_retry_after_is_waited_out_and_shown(source: ScriptedRegistry, status: int) -> None:
    source.rule("GET", "/manifests/", too_many("1", status), times=1)
    observer = Recorder()
    started = time.monotonic()
    assert _get(source, on_wait=observer.waiting)
    assert 0.9 < time.monotonic() - started < 60
    assert observer.waits[0][2] is not None
    assert source.server_name in observer.sentences()[0]


def test_retry_after_may_be_a_date(source: ScriptedRegistry) -> None:
    when = email.utils.formatdate(time.time() + 2, usegmt=True)
    source.rule("GET", "/manifests/", too_many(when), times=1)
    started = time.monotonic()
    assert _get(source)
    assert time.monotonic() - started > 0.5


def test_a_429_without_retry_after_is_tried_again_with_growing_pauses(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", too_many(), times=3)
    assert _get(source)


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_retry_after_frees_the_worker(source: ScriptedRegistry, status: int) -> None:
    source.rule("GET", "/manifests/", too_many("1800", status))
    started = time.monotonic()
    with pytest.raises(
        OciError, match=r"^Rate limit reached on \S+\. It asks to wait until 20..-..-.. ..:.. UTC\.$"
    ) as caught:
        _get(source)
    assert time.monotonic() - started < 60
    assert caught.value.code == "rate_limited"
    assert caught.value.retryable
    assert caught.value.retry_after == 1800
    assert len(source.seen("GET", "/manifests/")) == 1


def test_nobody_is_believed_to_ask_for_more_than_six_hours(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", too_many("999999999"))
    with pytest.raises(OciError) as caught:
        _get(source)
    assert caught.value.retry_after == 6 * 3600


@pytest.mark.parametrize(
    ("asked", "year"), [("Fri, 31 Dec 9999 23:59:59 GMT", "9999"), ("Sun, 01 Jan 5026 00:00:00 GMT", "5026")]
)
def test_an_absurd_wait_is_told_as_it_was_asked_for(source: ScriptedRegistry, asked: str, year: str) -> None:
    source.rule("GET", "/manifests/", too_many(asked))
    with pytest.raises(OciError, match=f"asks to wait until {year}-.* at most 6 hours") as caught:
        _get(source)
    assert caught.value.retry_after == 6 * 3600
    assert len(source.seen("GET", "/manifests/")) == 1


def test_a_wait_of_a_day_is_not_told_as_six_hours(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", too_many("90000"))
    with pytest.raises(OciError) as caught:
        _get(source)
    told = dt.datetime.strptime(str(caught.value.params["time"]), "%Y-%m-%d %H:%M UTC").replace(tzinfo=dt.UTC)
    assert abs((told - dt.datetime.now(dt.UTC)).total_seconds() - 90_000) < 300


@pytest.mark.parametrize("value", ["-1", "soon", "1e9", "٣", "", "Tue, 99 Foo 2026"])
def test_an_unreadable_retry_after_is_as_good_as_none(source: ScriptedRegistry, value: str) -> None:
    source.rule("GET", "/manifests/", too_many(value), times=1)
    assert _get(source)


def test_endless_429s_end_as_rate_limited_with_a_time_to_come_back(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", too_many())
    with pytest.raises(OciError) as caught:
        _get(source)
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after
    assert len(source.seen("GET", "/manifests/")) == 5


def test_what_one_client_was_told_holds_for_all_with_the_same_account(source: ScriptedRegistry) -> None:
    shared = LocalRateLimits()
    source.rule("GET", "/manifests/", too_many("1800"), times=1)
    with pytest.raises(OciError):
        _get(source, rate_limits=shared)
    before = len(source.requests)
    with pytest.raises(OciError) as caught:
        _get(source, rate_limits=shared)
    assert caught.value.code == "rate_limited"
    assert 1700 < (caught.value.retry_after or 0) <= 1800
    assert len(source.requests) == before


def test_a_block_that_ends_soon_is_waited_for(source: ScriptedRegistry) -> None:
    shared = LocalRateLimits()
    reader = client(source, rate_limits=shared)
    shared.block(reader.registry, "", time.time() + 0.5)
    observer = Recorder()
    started = time.monotonic()
    assert _get(source, rate_limits=shared, on_wait=observer.waiting)
    assert time.monotonic() - started > 0.4
    assert observer.waits


def test_the_quota_that_a_registry_tells_is_kept(source: ScriptedRegistry) -> None:
    source.extra_headers = [("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")]
    source.add_image("library/app", "v1", IMAGE)
    reader = client(source)
    Repository(reader, "library/app").get_manifest("v1")
    assert reader.rate_limit == RateLimit(100, 76, 21600)


@pytest.mark.parametrize("value", ["", "many", "1;w=", "-5", "1" * 50])
def test_a_quota_without_sense_is_passed_over(source: ScriptedRegistry, value: str) -> None:
    source.extra_headers = [("ratelimit-limit", value), ("ratelimit-remaining", "1")]
    source.add_image("library/app", "v1", IMAGE)
    reader = client(source)
    Repository(reader, "library/app").get_manifest("v1")
    assert reader.rate_limit is None


# --- tries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 522])
def test_what_may_pass_is_tried_again(source: ScriptedRegistry, status: int) -> None:
    source.rule("GET", "/manifests/", refuse(status, "UNKNOWN"), times=2)
    assert _get(source)
    assert len(source.seen("GET", "/manifests/")) == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "source_error"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "source_error"),
        (413, "source_error"),
        (501, "source_error"),
    ],
)
def test_what_will_not_pass_is_asked_once(source: ScriptedRegistry, status: int, code: str) -> None:
    source.rule("GET", "/manifests/", refuse(status, "DENIED"))
    with pytest.raises(OciError) as caught:
        _get(source)
    assert caught.value.code == code
    assert len(source.seen("GET", "/manifests/")) == 1


@pytest.mark.parametrize("by", ["reset", "end"])
def test_a_hang_up_is_tried_again(source: ScriptedRegistry, by: str) -> None:
    source.rule("GET", "/manifests/", hang_up(by), times=2)
    assert _get(source)


def test_five_tries_are_all(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", refuse(500, "UNKNOWN", "database is on fire"))
    with pytest.raises(OciError) as caught:
        _get(source)
    assert len(source.seen("GET", "/manifests/")) == 5
    assert caught.value.code == "source_error"
    assert caught.value.retryable
    assert "500" in str(caught.value) and "database is on fire" in str(caught.value)


def test_no_try_is_made_beyond_the_budget(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", refuse(500, "UNKNOWN"))
    started = time.monotonic()
    with pytest.raises(OciError):
        _get(source, budget=quick_budget(seconds=0.5, first=0.4, most=0.4))
    assert time.monotonic() - started < 60
    assert len(source.seen("GET", "/manifests/")) < 5


def test_a_short_manifest_body_is_tried_again(source: ScriptedRegistry) -> None:
    def shorter(_request: object, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        return Reply(
            headers=reply.headers, body=reply.body[:-5], length=len(reply.body), cut_at=len(reply.body) - 5
        )

    source.rule("GET", "/manifests/", shorter, times=1)
    assert _get(source).digest == IMAGE.digest


def test_warnings_of_the_registry_are_kept_for_people(source: ScriptedRegistry) -> None:
    source.extra_headers = [
        ("Warning", '299 - "This image is \\"old\\"; move on"'),
        ("Warning", "199 - nonsense"),
    ]
    source.add_image("library/app", "v1", IMAGE)
    reader = client(source)
    Repository(reader, "library/app").get_manifest("v1")
    assert [template % params for template, params in reader.notes] == ['This image is "old"; move on']
