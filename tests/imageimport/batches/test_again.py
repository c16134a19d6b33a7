"""Images imported again arrive as they did before: the same platforms, credential and way, and so the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imageimport import selectors
from imageimport.batches.again import Again, import_again
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import Image, Project, Role
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.behaviour.test_default_platforms import CHART
from tests.support.factories import CredentialFactory, ended_task, member
from tests.support.people import Team

Work = Callable[[], list[ImportTask]]
pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return Team.make("team")


def brought(image: Image, **values: Any) -> ImportTask:
    """An import that gave the image's tag its digest."""
    values = {"digest": image.digest, "image_url": image.source_image, **values}
    target = {"target_name": image.repository, "target_tag": image.tag}
    return ended_task(
        Status.SUCCESS, project=image.project, source_image=image.source_image, **target, **values
    )


def again(team: Team, *images: Image) -> Again:
    return import_again(project=team.project, user=team.users["developer"], images=images)


def only(made: Again) -> ImportTask:
    assert made.batch is not None
    return made.batch.tasks.get()


@pytest.mark.django_db(transaction=True)
def test_one_platform_behind_a_saved_credential_arrives_again_with_the_same_digest(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    user, project = member(Role.DEVELOPER)
    images = [random_image([500], seed=n, platform=f"linux/{a}") for n, a in enumerate(["amd64", "arm64"])]
    whole = source.add_image("app/web", "1.0", index_of(images))
    source.sign_in = BasicSignIn({"me": "right"})
    saved = CredentialFactory(project=project, registry=source.server_name, username="me", password="right")
    request = ImportRequest(f"{source.server_name}/app/web:1.0", credential=saved, platforms=["linux/arm64"])
    services.submit(project=project, user=user, request=request)
    work()
    before = Image.objects.get()
    assert before.digest != whole
    task = only(import_again(project=project, user=user, images=[before]))
    work()
    task.refresh_from_db()
    assert (task.status, task.platforms, task.credential) == (Status.SUCCESS, ["linux/arm64"], saved)
    assert Image.objects.get().digest == task.digest == before.digest


def test_what_the_import_of_this_digest_asked_for_is_asked_for_again(team: Team, settings: Any) -> None:
    settings.IMPORT_DOCKER_ENABLED = True
    Project.objects.filter(pk=team.project.pk).update(platforms=["linux/amd64"])
    team.project.refresh_from_db()
    one = team.image("app", "1", source_image="quay.io/app:1")
    brought(one, platforms=["linux/s390x"], transport="docker", include_referrers=False, overwrite=False)
    brought(one, platforms=["linux/arm64"], digest="sha256:" + "9" * 64)
    task = only(again(team, one))
    assert (task.platforms, task.transport) == (["linux/s390x"], "docker")
    assert (task.include_referrers, task.overwrite) == (False, True)
    whole = team.image("whole", "1", source_image="quay.io/whole:1")
    brought(whole, platforms=[])
    assert only(again(team, whole)).platforms == [], "all of them, whatever the project's default"


@pytest.mark.django_db(transaction=True)
def test_what_has_no_platform_and_came_by_the_projects_default_comes_again(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    user, project = member(Role.DEVELOPER)
    Project.objects.filter(pk=project.pk).update(platforms=["linux/arm64"])
    project.refresh_from_db()
    source.add_image("app/chart", "1.0", CHART)
    request = ImportRequest(f"{source.server_name}/app/chart:1.0")
    services.submit(project=project, user=user, request=request)
    (first,) = work()
    assert first.status == Status.SUCCESS
    task = only(import_again(project=project, user=user, images=[Image.objects.get()]))
    assert (task.platforms, task.platforms_by_default) == (["linux/arm64"], True)
    work()
    task.refresh_from_db()
    assert (task.status, task.error) == (Status.SUCCESS, "")


def test_an_import_that_left_the_history_is_made_as_the_project_imports(team: Team) -> None:
    Project.objects.filter(pk=team.project.pk).update(platforms=["linux/amd64"])
    team.project.refresh_from_db()
    task = only(again(team, team.image("app", "1", source_image="quay.io/app:1")))
    assert (task.source_image, task.platforms) == ("quay.io/app:1", ["linux/amd64"])


def test_what_can_not_come_again_as_it_came_is_said_and_the_rest_comes(team: Team) -> None:
    good = team.image("good", "1", source_image="quay.io/good:1")
    pushed = team.image("pushed", "1")
    file = team.image("file", "1", source_image="bundle:a.tar#file:1")
    named = team.image("named", "1", source_image="docker.io/library/named:1")
    brought(named, image_url="bundle:a.tar#named:1", uploads=["0" * 32], transport="bundle")
    once = team.image("once", "1", source_image="quay.io/once:1")
    brought(once, credentials_erased=True)
    lost = team.image("lost", "1", source_image="quay.io/lost:1")
    brought(lost, credential_required=True)
    made = again(team, good, pushed, file, named, once, lost)
    assert only(made).source_image == "quay.io/good:1"
    assert [line.partition(": ")[0] for line in made.skipped] == [
        "pushed:1", "file:1", "named:1", "once:1", "lost:1"
    ]  # fmt: skip
    assert "uploaded file" in made.skipped[1] and "uploaded file" in made.skipped[2]
    assert "erased" in made.skipped[3] and "deleted" in made.skipped[4]
    assert "Import this image separately" in made.skipped[3], "no field for them here"
    assert again(team, pushed).batch is None


def test_the_imports_of_many_images_are_found_at_once(team: Team, django_assert_num_queries: Any) -> None:
    images = [team.image("app", str(n), source_image=f"quay.io/app:{n}") for n in range(20)]
    saved = CredentialFactory(project=team.project, registry="quay.io")
    tasks = {image.pk: brought(image, credential=saved) for image in images}
    with django_assert_num_queries(2):
        found = selectors.brought_all(team.project, images)
        assert found == tasks and {task.credential for task in found.values()} == {saved}
