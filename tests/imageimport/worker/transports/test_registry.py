"""Whose transfer an import waits for: of the same registry, read by the same right."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from imageimport.models import ImportTask
from imageimport.registries import shared_redis
from imageimport.registries.single_flight import SharedFlights
from oci.copy.observer import Flight
from projects.models import Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from testbed.services import RedisServer
from tests.support.factories import ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

IMAGE = random_image([300_000], seed=77)
LAYER = IMAGE.blobs[1].digest


@pytest.fixture(autouse=True)
def real_redis(redis_server: RedisServer, settings: Any) -> Iterator[None]:
    settings.REDIS_URL = redis_server.url
    shared_redis.client.cache_clear()
    yield
    shared_redis.client.cache_clear()


@pytest.fixture
def import_of(source: ScriptedRegistry, target: ScriptedRegistry) -> Callable[..., ImportTask]:
    """An import of the image, from the source, that nobody has started yet."""

    def make(project: Project | None = None, **values: Any) -> ImportTask:
        name = f"{source.server_name}/library/app"
        source.add_image("library/app", "v1", IMAGE)
        return TaskFactory(
            project=project or ProjectFactory(),
            image_url=f"{name}:v1",
            source_registry=source.server_name,
            source_image=f"{name}:v1",
            target_name="app",
            target_tag="v1",
            **values,
        )

    return make


def begun(target: ScriptedRegistry, scope: str) -> Flight:
    """Another import moves the layer, drop by drop."""
    flight = SharedFlights().begin(f"{target.server_name}/{scope}/{LAYER}")
    assert flight is not None
    return flight


def waited(target: ScriptedRegistry, held_by: str, work: Callable[[], list[ImportTask]]) -> bool:
    """Whether the import that is ready to start waits for a transfer of this scope."""
    other = begun(target, held_by)
    timer = threading.Timer(3.0, other.end, [False])
    timer.start()
    try:
        assert [task.status for task in work()] == ["success"]
        return SharedFlights().begin(f"{target.server_name}/{held_by}/{LAYER}") is not None
    finally:
        timer.cancel()
        timer.join()
        other.end(False)


def test_public_imports_of_one_registry_wait_for_one_another(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    import_of: Callable[..., ImportTask],
    work: Callable[[], list[ImportTask]],
) -> None:
    import_of()
    assert waited(target, source.server_name, work)


@pytest.mark.parametrize("scope", ["evil.example", ""])
def test_a_transfer_from_another_registry_holds_nobody(
    target: ScriptedRegistry,
    import_of: Callable[..., ImportTask],
    work: Callable[[], list[ImportTask]],
    scope: str,
) -> None:
    import_of()
    assert not waited(target, scope, work)


def test_with_credentials_only_those_of_the_project_are_waited_for(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    import_of: Callable[..., ImportTask],
    work: Callable[[], list[ImportTask]],
) -> None:
    """Who waits sees that somebody moves this layer, and how many bytes of it: that is the project's own affair."""
    project = ProjectFactory()
    import_of(project, username="ada", password="secret-of-ada")
    assert not waited(target, source.server_name, work)
    target.repositories.clear()
    ImportTask.objects.all().delete()
    import_of(project, username="ada", password="secret-of-ada")
    assert waited(target, f"{source.server_name}/{project.pk}", work)
