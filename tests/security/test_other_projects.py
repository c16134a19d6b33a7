"""Nobody gets at another project's images: not from the portal's own registry, not by a crafted manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.exceptions import FieldErrors
from imageimport.models import BlobOrigin, ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects import services as project_services
from projects.models import AuditEvent, Membership, Project, Role
from projects.registry import removal
from stack.sample import Image
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import MembershipFactory, ProjectFactory, UserFactory
from tests.support.people import Team, bearer, call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_free")]

Work = Callable[[], list[ImportTask]]


@pytest.fixture
def secret(source: ScriptedRegistry, target: ScriptedRegistry, work: Work) -> Image:
    """Imported by the project ``victim`` from a registry that shows it to ``alice`` only."""
    image = random_image([8192], seed=1)
    source.add_image("private/app", "1", image)
    source.sign_in = BasicSignIn({"alice": "alices", "mallory": "mallorys"})
    submit(
        ProjectFactory(name="victim"),
        f"{source.server_name}/private/app:1",
        username="alice",
        password="alices",
    )
    assert work()[-1].status == "success"
    return image


@pytest.fixture
def mallory() -> User:
    """Develops in a project of his own and is a stranger to ``victim``."""
    user = UserFactory(username="mallory")
    MembershipFactory(user=user, project=ProjectFactory(name="mallory"), role=Role.OWNER)
    assert isinstance(user, User)
    return user


def submit(project: Project, image: str, *, user: User | None = None, **fields: Any) -> None:
    services.submit(project=project, user=user, request=ImportRequest(image_url=image, **fields))


def layer(image: Image) -> str:
    return str(json.loads(image.manifest.data)["layers"][0]["digest"])


def crafted(image: Image) -> tuple[bytes, str]:
    """A manifest of one's own config and somebody else's layer."""
    document = json.loads(random_image([2048], seed=99).manifest.data)
    document["layers"] = json.loads(image.manifest.data)["layers"]
    return json.dumps(document).encode(), document["mediaType"]


def plant(registry: ScriptedRegistry, name: str, image: Image) -> None:
    """Let a crafted manifest stand at a registry, with all but the layer."""
    registry.add_image(name, "own", random_image([2048], seed=99))
    registry.add_manifest(name, "1", *crafted(image))


def holds(target: ScriptedRegistry, repository: str, digest: str) -> bool:
    return digest in target.repository(repository).blobs


# --- the portal's own registry as a source --------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [":1", "@{digest}", ":1@{digest}"])
def test_a_strangers_import_from_the_own_registry_finds_nothing(
    secret: Image, mallory: User, target: ScriptedRegistry, work: Work, wanted: str
) -> None:
    before = len(target.seen())
    image = f"{target.server_name}/victim/private/app{wanted.format(digest=secret.digest)}"
    submit(Project.objects.get(name="mallory"), image, user=mallory, target_name="copy")
    task = work()[-1]
    assert (task.status, task.error_code) == ("failed", "not_found")
    asked = [request.path for request in target.seen()[before:]]
    assert not [path for path in asked if "victim" in path], "the portal's own account must not even look"
    assert not holds(target, "mallory/copy", layer(secret))


@pytest.mark.parametrize("role", [None, *Role.values])
@pytest.mark.parametrize("visibility", ["private", "internal", "public"])
def test_the_callers_role_in_the_other_project_decides(
    secret: Image, mallory: User, target: ScriptedRegistry, work: Work, role: str | None, visibility: str
) -> None:
    victim = Project.objects.get(name="victim")
    Project.objects.filter(pk=victim.pk).update(visibility=visibility)
    if role:
        Membership.objects.create(project=victim, user=mallory, role=role)
    image = f"{target.server_name}/victim/private/app:1"
    submit(Project.objects.get(name="mallory"), image, user=mallory, target_name="copy")
    may = bool(role) or visibility != "private"
    assert work()[-1].status == ("success" if may else "failed")
    assert holds(target, "mallory/copy", layer(secret)) is may


def test_a_right_that_ended_before_the_import_ran_counts_no_more(
    secret: Image, mallory: User, target: ScriptedRegistry, work: Work
) -> None:
    membership = MembershipFactory(user=mallory, project=Project.objects.get(name="victim"), role=Role.OWNER)
    submit(Project.objects.get(name="mallory"), f"{target.server_name}/victim/private/app:1", user=mallory)
    membership.delete()
    assert work()[-1].error_code == "not_found"


def test_a_blocked_user_imports_nothing_from_the_own_registry(
    secret: Image, mallory: User, target: ScriptedRegistry, work: Work
) -> None:
    MembershipFactory(user=mallory, project=Project.objects.get(name="victim"), role=Role.OWNER)
    submit(Project.objects.get(name="mallory"), f"{target.server_name}/victim/private/app:1", user=mallory)
    User.objects.filter(pk=mallory.pk).update(is_active=False)
    assert work()[-1].error_code == "not_found"


def test_an_import_that_nobody_asked_for_reads_no_project(
    secret: Image, target: ScriptedRegistry, work: Work
) -> None:
    submit(ProjectFactory(), f"{target.server_name}/victim/private/app:1", user=None)
    assert work()[-1].error_code == "not_found"


def test_a_retry_reads_by_the_rights_of_whoever_retries(
    secret: Image, mallory: User, target: ScriptedRegistry, work: Work
) -> None:
    project = Project.objects.get(name="mallory")
    alice = UserFactory(username="alice")
    MembershipFactory(user=alice, project=Project.objects.get(name="victim"), role=Role.VIEWER)
    MembershipFactory(user=alice, project=project, role=Role.DEVELOPER)
    submit(project, f"{target.server_name}/victim/private/app:1", user=alice)
    task = ImportTask.objects.latest("created_at")
    services.cancel(task=task)
    task.refresh_from_db()
    services.retry(task=task, user=mallory)
    assert work()[-1].error_code == "not_found"


def test_a_plan_tells_a_stranger_nothing_about_another_projects_image(
    secret: Image, mallory: User, target: ScriptedRegistry
) -> None:
    path = f"/projects/{Project.objects.get(name='mallory').pk}/images/import/plan"
    there, nowhere = (
        call("POST", path, {"image_url": f"{target.server_name}/{name}/private/app:1"}, bearer(mallory))
        for name in ("victim", "nowhere")
    )
    assert there.status_code == nowhere.status_code == 422
    said = [answer.json()["detail"].replace("nowhere", "victim") for answer in (there, nowhere)]
    assert said[0] == said[1]


# --- crafted manifests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("claims", [False, True], ids=["honest", "claims to have it"])
def test_another_teams_layer_in_a_crafted_manifest_is_not_fetched_for_it(
    secret: Image, mallory: User, target: ScriptedRegistry, work: Work, settings: Any, claims: bool
) -> None:
    with ScriptedRegistry() as evil:
        assert isinstance(evil, ScriptedRegistry)
        settings.IMPORT_PRIVATE_SOURCES = [*settings.IMPORT_PRIVATE_SOURCES, evil.server_name]
        settings.IMPORT_INSECURE_SOURCES = [*settings.IMPORT_INSECURE_SOURCES, evil.server_name]
        plant(evil, "evil/app", secret)
        if claims:
            size = str(json.loads(secret.manifest.data)["layers"][0]["size"])
            evil.rule("HEAD", layer(secret), Reply(headers=[("Content-Length", size)]))
        submit(Project.objects.get(name="mallory"), f"{evil.server_name}/evil/app:1", user=mallory)
        task = work()[-1]
    assert (task.status, task.error_code) == ("failed", "source_error"), task.error
    assert not holds(target, "mallory/evil/app", layer(secret))
    assert "1" not in target.repository("mallory/evil/app").manifests


def test_at_the_same_source_the_layer_is_asked_for_with_the_importers_own_rights(
    secret: Image, mallory: User, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    """The portal has copied this blob from this very registry; mallory may push there, but not read it."""
    plant(source, "mallory/app", secret)
    submit(
        Project.objects.get(name="mallory"),
        f"{source.server_name}/mallory/app:1",
        user=mallory,
        username="mallory",
        password="mallorys",
    )
    task = work()[-1]
    assert (task.status, task.error_code) == ("failed", "source_error"), task.error
    assert not [each for each in target.seen("POST") if each.asked("from")], "no mount may even be tried"
    assert not holds(target, "mallory/mallory/app", layer(secret))


def test_who_may_read_the_layer_at_the_source_has_it_mounted(
    secret: Image, mallory: User, source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    """So that the tests above can fail."""
    source.add_image("shared/app", "1", secret)
    submit(
        Project.objects.get(name="mallory"),
        f"{source.server_name}/shared/app:1",
        user=mallory,
        username="mallory",
        password="mallorys",
    )
    assert work()[-1].status == "success"
    assert {each.asked("from") for each in target.seen("POST")} >= {"victim/private/app"}


# --- a project's name after the project -----------------------------------------------------------------------


def test_the_name_of_a_deleted_project_goes_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "repositories_of", lambda _: [])
    team, other = Team.make("gone"), Team.make("other")
    removal.delete_project(project=team.project, user=team.users["owner"])
    for who, status in (
        (other.users["owner"], 400),
        (team.users["maintainer"], 400),
        (team.users["owner"], 201),
    ):
        answer = call("POST", "/projects", {"name": "gone"}, bearer(who))
        assert answer.status_code == status, answer.content
    removal.delete_project(project=Project.objects.get(name="gone"), user=team.users["owner"])
    with pytest.raises(FieldErrors, match="was deleted"):
        project_services.create_project(user=other.users["owner"], name="gone")
    assert project_services.create_project(user=other.users["superuser"], name="gone")


def test_an_earlier_projects_layers_are_not_the_next_ones_of_its_name(
    secret: Image, mallory: User, target: ScriptedRegistry, work: Work, settings: Any
) -> None:
    Project.objects.get(name="victim").delete()
    AuditEvent.objects.all().delete()
    MembershipFactory(user=mallory, project=ProjectFactory(name="victim"), role=Role.OWNER)
    assert BlobOrigin.objects.filter(repository="victim/private/app").exists()
    with ScriptedRegistry() as evil:
        assert isinstance(evil, ScriptedRegistry)
        settings.IMPORT_PRIVATE_SOURCES = [*settings.IMPORT_PRIVATE_SOURCES, evil.server_name]
        settings.IMPORT_INSECURE_SOURCES = [*settings.IMPORT_INSECURE_SOURCES, evil.server_name]
        plant(evil, "evil/app", secret)
        submit(Project.objects.get(name="victim"), f"{evil.server_name}/evil/app:1", user=mallory)
        assert work()[-1].error_code == "source_error"
    assert not holds(target, "victim/evil/app", layer(secret))
