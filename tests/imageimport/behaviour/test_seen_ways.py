"""What is seen of the ways to a source: a place that fails is booked by its own name, also where another helped out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imageimport.models import ImportTask, SourceWay
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)
IMAGE = random_image([3000], seed=5)
Work = Callable[[], list[ImportTask]]


def gone(host: str) -> ScriptedRegistry:
    """A mirror that no longer answers."""
    with ScriptedRegistry(host=host) as mirror:
        assert isinstance(mirror, ScriptedRegistry)
    return mirror


@pytest.fixture
def submit(source: ScriptedRegistry, target: ScriptedRegistry, settings: Any) -> Callable[..., None]:
    """Ask for the image by these mirrors."""

    def ask(*mirrors: ScriptedRegistry) -> None:
        source.add_image("app/web", "1", IMAGE)
        settings.IMPORT_MAX_ATTEMPTS = 1
        settings.IMPORT_REGISTRY_MIRRORS = {source.server_name: [mirror.url for mirror in mirrors]}
        request = ImportRequest(f"{source.server_name}/app/web:1")
        services.submit(project=ProjectFactory(), user=None, request=request)

    return ask


def seen() -> set[tuple[str, str, str]]:
    return set(SourceWay.objects.values_list("registry", "via", "error_code"))


def test_a_mirror_that_fails_and_is_passed_over_is_seen(
    source: ScriptedRegistry, submit: Callable[..., None], work: Work
) -> None:
    mirror = gone("127.0.0.3")
    submit(mirror)
    (task,) = work()
    assert (task.status, task.via) == ("success", ""), task.error
    assert seen() == {(source.server_name, mirror.server_name, "unreachable")}


@pytest.mark.parametrize("hosts", [["127.0.0.3"], ["127.0.0.3", "127.0.0.4"]], ids=["one", "two"])
def test_a_dead_mirror_is_not_booked_as_the_direct_way(
    source: ScriptedRegistry, submit: Callable[..., None], work: Work, settings: Any, hosts: list[str]
) -> None:
    settings.IMPORT_MIRRORS_ONLY = [source.server_name]
    mirrors = [gone(host) for host in hosts]
    submit(*mirrors)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "unreachable"), task.error
    assert seen() == {(source.server_name, mirror.server_name, "unreachable") for mirror in mirrors}
    assert not source.requests
