"""Whether a blob is there, and where an upload may be sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oci.errors import OciError
from oci.registry.repository import Repository
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry, digest_of, redirect, refuse
from tests.oci.copying import client

DATA = b"some bytes of a layer"
DIGEST = digest_of(DATA)
Make = Callable[..., ScriptedRegistry]


def test_a_blob_that_is_there_tells_its_size(source: ScriptedRegistry) -> None:
    source.add_blob("library/app", DATA)
    assert Repository(client(source), "library/app").head_blob(DIGEST) == len(DATA)
    assert Repository(client(source), "library/app").head_blob(digest_of(b"other")) is None


def test_storage_that_signs_for_get_only_is_asked_for_one_byte(
    source: ScriptedRegistry, make_scripted: Make
) -> None:
    storage = make_scripted(host="127.0.0.2")
    storage.add_blob("library/app", DATA)
    storage.rule("HEAD", "/blobs/", Reply(403))
    source.rule("", "/blobs/", redirect(storage.url + "{path}?signature=1"))
    assert Repository(client(source), "library/app").head_blob(DIGEST) == len(DATA)
    assert storage.seen("GET")[0].headers["range"] == "bytes=0-0"


def test_a_403_of_the_registry_itself_is_a_refusal(source: ScriptedRegistry) -> None:
    source.rule("HEAD", "/blobs/", refuse(403, "DENIED"))
    with pytest.raises(OciError) as caught:
        Repository(client(source), "library/app").head_blob(DIGEST)
    assert caught.value.code == "forbidden"


def test_a_blob_that_the_registry_remembers_and_cannot_read_is_not_intact(source: ScriptedRegistry) -> None:
    source.add_blob("library/app", DATA)
    reader = client(source)
    assert Repository(reader, "library/app").is_intact(DIGEST, len(DATA))
    assert not Repository(reader, "library/app").is_intact(DIGEST, len(DATA) + 1)
    source.rule(
        "GET",
        "/blobs/",
        Reply(206, [("Content-Range", f"bytes 20-20/{len(DATA)}")], b"", length=1, close=True),
    )
    assert not Repository(reader, "library/app").is_intact(DIGEST, len(DATA))


def test_an_empty_blob_can_be_intact(source: ScriptedRegistry) -> None:
    digest = source.add_blob("library/app", b"")
    assert Repository(client(source), "library/app").is_intact(digest, 0)


def test_a_small_blob_is_read_whole_and_checked(source: ScriptedRegistry) -> None:
    source.add_blob("library/app", DATA)
    assert Repository(client(source), "library/app").read_blob(DIGEST, len(DATA)) == DATA
    source.rule("GET", "/blobs/", Reply(body=DATA[::-1]))
    with pytest.raises(OciError) as caught:
        Repository(client(source), "library/app").read_blob(DIGEST, len(DATA))
    assert caught.value.code == "digest_mismatch"
