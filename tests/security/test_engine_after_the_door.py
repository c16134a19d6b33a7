"""The Docker Engine opens connections past our door: it is asked for nothing that the door has not let through."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import ImportTask
from imageimport.worker import leases
from imageimport.worker.progress import Progress
from imageimport.worker.transports import docker as docker_transport
from imageimport.worker.transports.base import Job
from imageimport.worker.transports.docker import DockerTransport
from oci.cancel import CancelToken
from oci.errors import OciError
from oci.reference.parser import parse_reference
from stack.sample import random_image
from tests.support.factories import TaskFactory
from tests.support.scripted_registry import ScriptedRegistry

pytestmark = pytest.mark.django_db(transaction=True)


class Engine:
    """Notes what it is asked, as :class:`docker.APIClient` would be."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any, **more: Any) -> Any:
            self.asked.append((name, arguments, more))
            return {"Id": "sha256:0", "Os": "linux", "Arch": "amd64"} if name != "pull" else iter(())

        return ask

    @property
    def pulled(self) -> list[tuple[str, str]]:
        return [(arguments[0], more.get("tag", "")) for name, arguments, more in self.asked if name == "pull"]


@pytest.fixture
def the_engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(docker_transport, "_connect", lambda: made)
    monkeypatch.setattr(docker_transport, "follow", lambda api, events, **_: events(api))
    return made


def transport_for(image: str) -> DockerTransport:
    TaskFactory(image_url=image, source_image=image)
    lease = leases.claim(worker="test:1")
    assert lease is not None
    task = ImportTask.objects.select_related("project", "requested_by").get(pk=lease.task_id)
    return DockerTransport(
        Job(
            task=task,
            source=parse_reference(image),
            credential=None,
            progress=Progress(lease),
            cancel=CancelToken(),
            before_commit=lambda: None,
        )
    )


@pytest.mark.parametrize(
    "image", ["127.0.0.1:9/a/b:1", "[::1]:9/a/b:1", "169.254.169.254/latest/meta-data:1", "10.0.0.8:5000/a:1"]
)
def test_a_forbidden_address_is_refused_before_the_engine_is_asked(
    target: ScriptedRegistry, the_engine: Engine, image: str
) -> None:
    transport = transport_for(image)
    with pytest.raises(OciError) as refused:
        transport.login()
    transport.cleanup()
    assert refused.value.code == "blocked_address"
    assert [name for name, *_ in the_engine.asked] == ["close"]


def test_the_engine_pulls_the_digest_that_our_client_has_read(
    source: ScriptedRegistry, target: ScriptedRegistry, the_engine: Engine
) -> None:
    image = random_image([4_000], seed=3)
    source.add_image("team/app", "v1", image)
    transport = transport_for(f"{source.server_name}/team/app:v1")
    transport.login()
    assert the_engine.pulled == []
    transport.pull()
    transport.cleanup()
    assert the_engine.pulled == [(f"{source.server_name}/team/app", image.digest)]
