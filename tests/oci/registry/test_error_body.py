"""What of an error answer reaches a person."""

from __future__ import annotations

import json
import time

import pytest

from oci.errors import OciError
from oci.limits import ERROR_TEXT_BYTES
from oci.redaction import remember
from oci.registry.error_body import clean
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import client


def _told(source: ScriptedRegistry, body: bytes, status: int = 403) -> str:
    source.rule("GET", "/manifests/", Reply(status, body=body))
    with pytest.raises(OciError) as caught:
        Repository(client(source), "library/app").get_manifest("v1")
    source.rules.clear()
    return str(caught.value)


def test_the_registrys_own_message_and_detail_are_told(source: ScriptedRegistry) -> None:
    errors = [
        {"code": "DENIED", "message": "no access", "detail": "ask Ada"},
        {"code": "X", "message": "too"},
    ]
    said = _told(source, json.dumps({"errors": errors}).encode())
    assert "no access; ask Ada; too" in said


@pytest.mark.parametrize(
    "detail",
    [
        {"DriverName": "filesystem", "Enclosed": {"Op": "write", "Path": "/data/startedat", "Err": 28}},
        {"Op": "write", "Path": "/data", "Err": 28},
    ],
)
def test_a_full_disk_that_distribution_tells_by_its_number_is_told_in_words(
    source: ScriptedRegistry, detail: object
) -> None:
    errors = {"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": detail}]}
    said = _told(source, json.dumps(errors).encode())
    assert "unknown error; No space left on device" in said
    assert "/data" not in said


def test_an_html_page_is_told_without_its_markup(source: ScriptedRegistry) -> None:
    page = b"<html><head><script>alert(1)</script><style>b{}</style></head><body><h1>Bad</h1> gateway</body></html>"
    said = _told(source, page)
    assert "Bad gateway" in said
    assert "<" not in said and "alert" not in said


def test_terminal_escapes_and_bidi_marks_are_taken_out(source: ScriptedRegistry) -> None:
    said = _told(source, "\x1b[31mred\x1b[0m \u202egnp.exe\u202c a\x00b\r\nc".encode())
    assert said.isprintable()
    assert "\u202e" not in said


def test_a_megabyte_is_cut_to_two_kilobytes(source: ScriptedRegistry) -> None:
    assert len(_told(source, b"a" * 60_000).encode()) < ERROR_TEXT_BYTES + 500
    assert len(_told(source, b"a" * 2_000_000)) < 500


def test_queries_of_presigned_urls_are_cut(source: ScriptedRegistry) -> None:
    # Not only what has a secret's name: a signature under any other name opens the blob as well.
    url = b"https://storage.test/blob?Policy=eyJ0&Key-Pair-Id=K2J&X-Amz-Signature=deadbeef"
    said = _told(source, b"GET " + url + b" expired")
    assert "GET https://storage.test/blob expired" in said


def test_our_own_secrets_are_masked(source: ScriptedRegistry) -> None:
    with remember("hunter2hunter2", "ada"):
        assert "hunter2" not in _told(source, b"you sent hunter2hunter2 to us")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"errors": 5}',
        b'{"errors": [5, {"code": []}]}',
        b"\xff\xfe",
        b"[" * 60_000,
    ],
)
def test_no_body_makes_it_fail(source: ScriptedRegistry, body: bytes) -> None:
    assert source.server_name in _told(source, body)


def test_cleaning_never_splits_a_character() -> None:
    assert clean("ä" * 10, 5) == "ää"


#: What is not to take long in one answer: seconds of processor time for all of its headers and its body.
MAX_SECONDS = 1.0


@pytest.mark.parametrize(
    "poison", ["a.", "a", "http://", "https://a", "<", "<script", "secret", "x-amz-", "\\", "team/sig:1", " "]
)
def test_no_headers_and_body_take_long_to_tell(source: ScriptedRegistry, poison: str) -> None:
    """One answer of 45 KB froze a process for seconds: every Warning of every answer is read."""
    text = poison * (4500 // len(poison))
    source.extra_headers = [("Warning", f'299 - "{text}"') for _ in range(9)]
    source.add_image("library/app", "v1", random_image([10]))
    reader = client(source)
    began = time.process_time()
    assert Repository(reader, "library/app").get_manifest("v1")
    assert time.process_time() - began < MAX_SECONDS
    began = time.process_time()
    assert len(_told(source, poison.encode() * (60_000 // len(poison)))) < ERROR_TEXT_BYTES + 500
    assert time.process_time() - began < MAX_SECONDS


def test_a_warning_is_told_without_our_secrets_even_where_it_is_cut(source: ScriptedRegistry) -> None:
    source.extra_headers = [
        ("Warning", '299 - "' + " " * 1015 + 'hunter2-hunter2 \\"old\\" ' + "b" * 500 + '"')
    ]
    source.add_image("library/app", "v1", random_image([10]))
    reader = client(source)
    with remember("hunter2-hunter2"):
        Repository(reader, "library/app").get_manifest("v1")
    (note,) = reader.notes
    assert "hunter2" not in str(note)
