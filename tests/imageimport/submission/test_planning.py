"""What an import would do, and that it is not done."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.exceptions import FieldErrors
from imageimport.models import ImportTask
from imageimport.submission import planning, services
from imageimport.submission.planning import Planned, make_plan
from imageimport.submission.requests import ImportRequest
from oci.errors import OciError
from projects.models import Project, Role
from stack.sample import Image, index_of
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import MembershipFactory, ProjectFactory, TaskFactory, member

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def team() -> tuple[User, Project]:
    return member(Role.DEVELOPER)


def look(team: tuple[User, Project], url: str, **values: Any) -> Planned:
    user, project = team
    return make_plan(project=project, user=user, request=ImportRequest(url, **values))


def do(team: tuple[User, Project], work: Work, url: str, **values: Any) -> None:
    user, project = team
    services.submit(project=project, user=user, request=ImportRequest(url, **values))
    work()


def test_it_says_what_would_come_and_writes_nothing(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    images = [random_image([3000, 500], seed=1), random_image([2000], seed=2, platform="linux/arm64")]
    digest = source.add_image("app/web", "1", index_of(images))
    found = look(team, f"{source.server_name}/app/web:1")
    assert found.plan.source_digest == digest
    assert found.source_image == f"{source.server_name}/app/web:1"
    assert found.target_image == f"{target.server_name}/{team[1].name}/app/web:1"
    assert found.plan.target_digest is None
    assert [platform.platform for platform in found.plan.platforms] == ["linux/amd64", "linux/arm64"]
    assert [platform.digest for platform in found.plan.platforms] == [image.digest for image in images]
    assert (
        found.plan.bytes_total
        == found.plan.bytes_to_transfer
        == sum(platform.size for platform in found.plan.platforms)
    )
    assert found.plan.bytes_present == 0
    assert not layers_read(source, *images)
    assert {request.method for request in target.requests} <= {"GET", "HEAD"}
    assert not ImportTask.objects.exists()


def test_what_is_here_already_need_not_come(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    source.add_image("app/web", "1", random_image([3000], seed=1))
    url = f"{source.server_name}/app/web:1"
    do(team, work, url)
    found = look(team, url)
    assert (found.plan.bytes_to_transfer, found.plan.bytes_present) == (0, found.plan.bytes_total)
    assert found.plan.target_digest == found.plan.source_digest
    assert any("already" in warning for warning in found.warnings)


def test_another_projects_copy_counts_where_it_may_be_mounted_and_not_elsewhere(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry, work: Work, settings: Any
) -> None:
    image = random_image([3000], seed=1)
    source.add_image("app/web", "1", image)
    do(member(Role.DEVELOPER), work, f"{source.server_name}/app/web:1")
    assert look(team, f"{source.server_name}/app/web:1").plan.bytes_to_transfer == 0
    with ScriptedRegistry(host="127.0.0.2") as crafted:
        assert isinstance(crafted, ScriptedRegistry)
        crafted.add_image("evil/web", "1", image)
        settings.IMPORT_PRIVATE_SOURCES += [crafted.server_name]
        settings.IMPORT_INSECURE_SOURCES += [crafted.server_name]
        assert look(team, f"{crafted.server_name}/evil/web:1").plan.bytes_present == 0


def test_a_source_that_can_not_be_read_is_the_imports_error(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    with pytest.raises(OciError) as missing:
        look(team, f"{source.server_name}/no/such:1")
    assert missing.value.code == "not_found"
    source.sign_in = BasicSignIn({"me": "right"})
    source.add_image("app/web", "1", random_image([10], seed=1))
    with pytest.raises(OciError) as refused:
        look(team, f"{source.server_name}/app/web:1", username="me", password="wrong-canary")
    assert refused.value.code == "unauthorized"
    assert "canary" not in str(refused.value)
    assert look(team, f"{source.server_name}/app/web:1", username="me", password="right").plan.bytes_total


def test_a_registry_that_hangs_is_given_up(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "MAX_SECONDS", 0.5)

    def hang(_request: Any, _go: Any) -> Reply:
        source._stopping.wait(20)
        return Reply(200)

    source.rule("", "/v2/", hang)
    with pytest.raises(OciError) as late:
        look(team, f"{source.server_name}/app/web:1")
    assert late.value.code == "timeout"


def test_the_fields_are_judged_as_an_imports(team: tuple[User, Project]) -> None:
    with pytest.raises(FieldErrors):
        look(team, "10.0.0.1/x")


def test_the_portals_own_registry_is_read_by_the_callers_rights(
    team: tuple[User, Project], target: ScriptedRegistry
) -> None:
    theirs = ProjectFactory()
    target.add_image(f"{theirs.name}/app", "1", random_image([10], seed=1))
    url = f"{target.server_name}/{theirs.name}/app:1"
    with pytest.raises(OciError) as hidden:
        look(team, url)
    assert hidden.value.code == "not_found"
    MembershipFactory(project=theirs, user=team[0], role=Role.VIEWER)
    assert look(team, url).plan.bytes_total


def layers_read(source: ScriptedRegistry, *images: Image) -> list[str]:
    """Digests of layers that were asked for whole."""
    layers = {layer["digest"] for image in images for layer in json.loads(image.manifest.data)["layers"]}
    return [
        request.path for request in source.seen("GET", "/blobs/") if request.path.rpartition("/")[2] in layers
    ]


# --- warnings -------------------------------------------------------------------------------------------------


def warnings(team: tuple[User, Project], url: str, **values: Any) -> str:
    return "\n".join(look(team, url, **values).warnings)


def test_a_tag_may_move_and_a_digest_may_not(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    digest = source.add_image("app/web", "1", random_image([10], seed=1))
    assert "can change" in warnings(team, f"{source.server_name}/app/web:1")
    assert "can change" not in warnings(team, f"{source.server_name}/app/web@{digest}")


def test_an_image_without_signature_and_one_for_another_architecture_is_said(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    images = [random_image([10], seed=n, platform=f"linux/{a}") for n, a in enumerate(["arm64", "s390x"])]
    source.add_image("app/web", "1", index_of(images))
    said = warnings(team, f"{source.server_name}/app/web:1")
    assert "No signatures" in said
    assert "only linux/arm64, linux/s390x" in said
    assert "only for" not in warnings(team, f"{source.server_name}/app/web:1", platforms=["linux/arm64"])


def test_what_would_be_overwritten_or_stand_in_the_way_is_said(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    source.add_image("app/web", "1", random_image([10], seed=1))
    do(team, work, f"{source.server_name}/app/web:1")
    source.add_image("other/web", "1", random_image([20], seed=2))
    other = {"url": f"{source.server_name}/other/web:1", "target_name": "app/web"}
    said = warnings(team, **other)
    assert "will be replaced" in said
    assert f"already contains images from {source.server_name}/app/web" in said
    assert "would fail" in warnings(team, **other, overwrite=False)
    TaskFactory(project=team[1], target_name="app/web", target_tag="1")
    assert "in progress" in warnings(team, **other)


def test_a_quota_that_would_be_exceeded_is_said(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("app/web", "1", random_image([5000], seed=1))
    team[1].quota_bytes = 1000
    team[1].save()
    assert "1000 bytes" in warnings(team, f"{source.server_name}/app/web:1")
