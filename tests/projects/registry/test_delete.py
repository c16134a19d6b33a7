"""Removing a tag from real registries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oci.errors import OciError
from projects.registry.catalog import tags_of
from projects.registry.delete import delete_tag
from stack.reader import ReadError
from stack.sample import sample_image
from testbed.services import RegistryServer


def test_only_the_tag_goes_and_others_of_its_digest_stay(own_registry: RegistryServer) -> None:
    image = sample_image()
    digest = own_registry.push("del/one", "1", image)
    own_registry.push("del/one", "2", image)
    assert delete_tag(repository="del/one", tag="1") is True
    assert tags_of("del/one") == ["2"]
    assert own_registry.verify("del/one", "2").digest == digest
    with pytest.raises(ReadError):
        own_registry.verify("del/one", "1")


def test_a_tag_that_is_not_there_is_no_error(own_registry: RegistryServer) -> None:
    own_registry.push("del/two", "1", sample_image())
    assert delete_tag(repository="del/two", tag="other") is False
    assert delete_tag(repository="del/never", tag="1") is False


def test_the_last_tag_leaves_an_empty_repository(own_registry: RegistryServer) -> None:
    own_registry.push("del/three", "1", sample_image())
    delete_tag(repository="del/three", tag="1")
    assert tags_of("del/three") == []
    assert tags_of("del/nowhere") == []


def test_where_deleting_is_not_allowed_the_tag_stays_as_it_is(
    make_registry: Callable[..., RegistryServer], settings: Any
) -> None:
    server = make_registry(extra={})
    data = server.plan.directory / "data"
    locked = make_registry(extra={"storage": {"filesystem": {"rootdirectory": str(data)}}})
    digest = server.push("del/four", "1", sample_image())
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = locked.url, "none"
    with pytest.raises(OciError):
        delete_tag(repository="del/four", tag="1")
    assert server.verify("del/four", "1").digest == digest


def test_a_registry_that_is_away_is_told_as_such(own_registry: RegistryServer, settings: Any) -> None:
    settings.REGISTRY_URL = "http://127.0.0.1:1"
    with pytest.raises(OciError) as caught:
        delete_tag(repository="del/five", tag="1")
    assert caught.value.retryable
