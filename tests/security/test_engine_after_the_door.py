"""The Docker Engine opens connections past our door: it is asked for nothing that the door has not let through, and to
push over no tag that must stay."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.models import ImportTask
from imageimport.sources import services as source_rules
from imageimport.worker import leases
from imageimport.worker.progress import Progress
from imageimport.worker.transports import docker as docker_transport
from imageimport.worker.transports.base import Job, SourceAccess
from imageimport.worker.transports.docker import DockerTransport
from oci.cancel import CancelToken
from oci.copy.context import Checks
from oci.errors import OciError
from oci.reference.parser import parse_reference
from oci.registry.auth.credentials import Credential
from projects.models import ProtectedTag
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import ProjectFactory, TaskFactory

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

    @property
    def shown(self) -> list[dict[str, str]]:
        """With which accounts it was to pull."""
        return [more["auth_config"] for name, _, more in self.asked if name == "pull"]


@pytest.fixture
def the_engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(docker_transport, "_connect", lambda: made)
    monkeypatch.setattr(docker_transport, "follow", lambda api, events, **_: events(api))
    return made


def transport_for(image: str, credential: Credential | None = None, **values: Any) -> DockerTransport:
    TaskFactory(image_url=image, source_image=image, **values)
    lease = leases.claim(worker="test:1")
    assert lease is not None
    task = ImportTask.objects.select_related("project", "requested_by").get(pk=lease.task_id)
    return DockerTransport(
        Job(
            task=task,
            source=SourceAccess(parse_reference(image), credential),
            progress=Progress(lease),
            cancel=CancelToken(),
            checks=Checks(judge=lambda _candidate: None, confirm_lease=lambda: None),
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


@pytest.mark.parametrize("mirrors_only", [True, False], ids=["mirrors only", "the registry last"])
@pytest.mark.parametrize("account", [{"username": "robot", "password": "secret-m"}, {}], ids=["own", "none"])
def test_the_engine_shows_a_mirror_its_own_account_and_never_a_persons(
    target: ScriptedRegistry, the_engine: Engine, mirrors_only: bool, account: dict[str, str]
) -> None:
    image = random_image([4_000], seed=3)
    with ScriptedRegistry() as mirror:
        mirror.add_image("team/app", "v1", image)
        if account:
            mirror.sign_in = BasicSignIn({account["username"]: account["password"]})
        source_rules.create(
            user=None,
            pattern="registry.example",
            mirrors=[{"url": mirror.url, **account}],
            mirrors_only=mirrors_only,
        )
        transport = transport_for(
            "registry.example/team/app:v1", Credential("registry.example", "ada", "secret-p")
        )
        transport.login()
        transport.pull()
        transport.cleanup()
        assert the_engine.pulled == [(f"{mirror.server_name}/team/app", image.digest)]
        assert transport._job.progress.via == mirror.server_name
    assert the_engine.shown == [account]


def test_the_engine_shows_the_registry_the_persons_account(
    source: ScriptedRegistry, target: ScriptedRegistry, the_engine: Engine
) -> None:
    source.add_image("team/app", "v1", random_image([4_000], seed=3))
    source.sign_in = BasicSignIn({"ada": "secret-p"})
    with ScriptedRegistry() as mirror:  # It lacks the image.
        account = {"username": "robot", "password": "secret-m"}
        source_rules.create(user=None, pattern=source.server_name, mirrors=[{"url": mirror.url, **account}])
        transport = transport_for(
            f"{source.server_name}/team/app:v1", Credential(source.server_name, "ada", "secret-p")
        )
        transport.login()
        transport.pull()
        transport.cleanup()
    assert the_engine.shown == [{"username": "ada", "password": "secret-p"}]


@pytest.mark.parametrize("protected", [True, False], ids=["protected", "not to overwrite"])
def test_a_tag_that_must_stay_and_names_the_source_is_not_pushed_over(
    source: ScriptedRegistry, target: ScriptedRegistry, the_engine: Engine, protected: bool
) -> None:
    """What the Engine pushes need not have the digest of what it pulled."""
    image = random_image([4_000], seed=3)
    source.add_image("team/app", "v1", image)
    project = ProjectFactory()
    target.add_image(f"{project.name}/app", "v1", image)
    if protected:
        ProtectedTag.objects.create(project=project, pattern="app:v1")
    transport = transport_for(
        f"{source.server_name}/team/app:v1",
        project=project,
        target_name="app",
        target_tag="v1",
        overwrite=protected,
    )
    transport.login()
    transport.pull()
    transport.tag()
    result = transport.push()
    transport.cleanup()
    assert not {"tag", "push"} & {name for name, *_ in the_engine.asked}
    assert result.image.digest == result.source_digest == image.digest


def test_a_tag_that_is_protected_after_it_was_looked_at_is_not_pushed_over(
    source: ScriptedRegistry, target: ScriptedRegistry, the_engine: Engine
) -> None:
    project = ProjectFactory()
    source.add_image("team/app", "v1", random_image([4_000], seed=3))
    target.add_image(f"{project.name}/app", "v1", random_image([500], seed=4))
    image = f"{source.server_name}/team/app:v1"
    transport = transport_for(image, project=project, target_name="app", target_tag="v1", overwrite=True)
    transport.login()
    transport.pull()
    transport.tag()
    ProtectedTag.objects.create(project=project, pattern="app:v1")
    with pytest.raises(OciError) as refused:
        transport.push()
    transport.cleanup()
    assert refused.value.code == "tag_protected"
    assert "push" not in {name for name, *_ in the_engine.asked}
