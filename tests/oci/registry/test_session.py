"""Requests at a registry: redirects by hand, rate limits, tries."""

from __future__ import annotations

import datetime as dt
import email.utils
import time
from collections.abc import Callable

import pytest

from oci.errors import OciError
from oci.registry.repository import Repository
from testbed.scripted_http import Reply, ScriptedServer
from testbed.scripted_registry import ScriptedRegistry, hang_up, redirect, refuse, too_many
from tests.oci.copying import Recorder, client, copier, quick_budget, run
from tests.oci.registry.reading import IMAGE, get_image

Make = Callable[..., ScriptedRegistry]


# --- what is sent ------------------------------------------------------------------------------------------


def test_cookies_are_not_kept(source: ScriptedRegistry) -> None:
    source.extra_headers = [("Set-Cookie", "session=1")]
    get_image(source)
    get_image(source)
    assert not [each for each in source.requests if "cookie" in each.headers]


def test_proxies_of_the_environment_are_not_used(
    source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert get_image(source).digest == IMAGE.digest


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
    assert get_image(source).digest == IMAGE.digest
    assert other.requests[0].headers["accept"] == source.requests[-1].headers["accept"]


def test_five_redirects_are_followed_and_not_six(source: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.rule("GET", "/manifests/", redirect("{path}"), times=5)
    assert get_image(source)
    source.rule("GET", "/manifests/", redirect("{path}"), times=6)
    with pytest.raises(OciError, match="redirect loop") as caught:
        get_image(source)
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
        get_image(source)
    assert caught.value.code == "blocked_address"


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
    assert get_image(source, on_wait=observer.waiting)
    assert 0.9 < time.monotonic() - started < 60
    assert observer.waits[0][2] is not None
    assert source.server_name in observer.sentences()[0]


def test_retry_after_may_be_a_date(source: ScriptedRegistry) -> None:
    when = email.utils.formatdate(time.time() + 2, usegmt=True)
    source.rule("GET", "/manifests/", too_many(when), times=1)
    started = time.monotonic()
    assert get_image(source)
    assert time.monotonic() - started > 0.5


def test_a_429_without_retry_after_is_tried_again_with_growing_pauses(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", too_many(), times=3)
    assert get_image(source)


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_retry_after_frees_the_worker(source: ScriptedRegistry, status: int) -> None:
    source.rule("GET", "/manifests/", too_many("1800", status))
    started = time.monotonic()
    with pytest.raises(
        OciError, match=r"^Rate limit reached on \S+\. It asks to wait until 20..-..-.. ..:.. UTC\.$"
    ) as caught:
        get_image(source)
    assert time.monotonic() - started < 60
    assert caught.value.code == "rate_limited"
    assert caught.value.retryable
    assert caught.value.retry_after == 1800
    assert len(source.seen("GET", "/manifests/")) == 1


def test_nobody_is_believed_to_ask_for_more_than_six_hours(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", too_many("999999999"))
    with pytest.raises(OciError) as caught:
        get_image(source)
    assert caught.value.retry_after == 6 * 3600


@pytest.mark.parametrize(
    ("asked", "year"), [("Fri, 31 Dec 9999 23:59:59 GMT", "9999"), ("Sun, 01 Jan 5026 00:00:00 GMT", "5026")]
)
def test_an_absurd_wait_is_told_as_it_was_asked_for(source: ScriptedRegistry, asked: str, year: str) -> None:
    source.rule("GET", "/manifests/", too_many(asked))
    with pytest.raises(OciError, match=f"asks to wait until {year}-.* at most 6 hours") as caught:
        get_image(source)
    assert caught.value.retry_after == 6 * 3600
    assert len(source.seen("GET", "/manifests/")) == 1


def test_a_wait_of_a_day_is_not_told_as_six_hours(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", too_many("90000"))
    with pytest.raises(OciError) as caught:
        get_image(source)
    told = dt.datetime.strptime(str(caught.value.params["time"]), "%Y-%m-%d %H:%M UTC").replace(tzinfo=dt.UTC)
    assert abs((told - dt.datetime.now(dt.UTC)).total_seconds() - 90_000) < 300


@pytest.mark.parametrize("value", ["-1", "soon", "1e9", "٣", "", "Tue, 99 Foo 2026"])
def test_an_unreadable_retry_after_is_as_good_as_none(source: ScriptedRegistry, value: str) -> None:
    source.rule("GET", "/manifests/", too_many(value), times=1)
    assert get_image(source)


def test_endless_429s_end_as_rate_limited_with_a_time_to_come_back(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", too_many())
    with pytest.raises(OciError) as caught:
        get_image(source)
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after
    assert len(source.seen("GET", "/manifests/")) == 5


# --- tries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 522])
def test_what_may_pass_is_tried_again(source: ScriptedRegistry, status: int) -> None:
    source.rule("GET", "/manifests/", refuse(status, "UNKNOWN"), times=2)
    assert get_image(source)
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
        get_image(source)
    assert caught.value.code == code
    assert len(source.seen("GET", "/manifests/")) == 1


@pytest.mark.parametrize("by", ["reset", "end"])
def test_a_hang_up_is_tried_again(source: ScriptedRegistry, by: str) -> None:
    source.rule("GET", "/manifests/", hang_up(by), times=2)
    assert get_image(source)


def test_five_tries_are_all(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", refuse(500, "UNKNOWN", "database is on fire"))
    with pytest.raises(OciError) as caught:
        get_image(source)
    assert len(source.seen("GET", "/manifests/")) == 5
    assert caught.value.code == "source_error"
    assert caught.value.retryable
    assert "500" in str(caught.value) and "database is on fire" in str(caught.value)


def test_no_try_is_made_beyond_the_budget(source: ScriptedRegistry) -> None:
    source.rule("GET", "/manifests/", refuse(500, "UNKNOWN"))
    started = time.monotonic()
    with pytest.raises(OciError):
        get_image(source, budget=quick_budget(seconds=0.5, first=0.4, most=0.4))
    assert time.monotonic() - started < 60
    assert len(source.seen("GET", "/manifests/")) < 5
