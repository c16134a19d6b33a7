"""Images copied inside the portal's own registry: the same bytes under another name, by whoever may read them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imageimport.batches.copies import copy_images
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import Image, Project, Role
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import MembershipFactory, ProjectFactory, member

Work = Callable[[], list[ImportTask]]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def image(source: ScriptedRegistry, target: ScriptedRegistry, work: Work) -> Image:
    """One of two platforms, imported."""
    user, project = member(Role.DEVELOPER)
    images = [random_image([500], seed=n, platform=f"linux/{a}") for n, a in enumerate(["amd64", "arm64"])]
    source.add_image("app/web", "1.0", index_of(images))
    request = ImportRequest(f"{source.server_name}/app/web:1.0", target_name="web")
    services.submit(project=project, user=user, request=request)
    work()
    return Image.objects.get()


def test_an_image_gets_another_tag_with_all_its_platforms_whatever_the_projects_default(
    image: Image, work: Work
) -> None:
    Project.objects.filter(pk=image.project_id).update(platforms=["linux/amd64"])
    project = Project.objects.get()
    user = project.memberships.get().user
    batch = copy_images(project=project, user=user, images=[image], tag="stable")
    work()
    task = batch.tasks.get()
    assert (task.status, task.error) == (Status.SUCCESS, "")
    copy = Image.objects.get(tag="stable")
    assert (copy.repository, copy.digest, copy.platforms) == ("web", image.digest, image.platforms)
    assert task.bytes_reused == task.bytes_total > 0, "no byte of a layer moves"


def test_what_was_chosen_is_copied_though_the_tag_moves(
    image: Image, source: ScriptedRegistry, work: Work
) -> None:
    other = MembershipFactory(user=image.project.memberships.get().user).project
    batch = copy_images(project=other, user=image.project.memberships.get().user, images=[image])
    source.add_image("app/web", "1.0", random_image([700], seed=9))
    request = ImportRequest(f"{source.server_name}/app/web:1.0", target_name="web")
    services.submit(project=image.project, user=None, request=request)
    work()
    assert batch.tasks.get().status == Status.SUCCESS
    assert Image.objects.get(project=other).digest == image.digest
    assert Image.objects.get(project=image.project).digest != image.digest


def test_a_tag_that_exists_stays_unless_it_may_be_overwritten(
    image: Image, source: ScriptedRegistry, work: Work
) -> None:
    user, other = member(Role.DEVELOPER, ProjectFactory(name="prod"))
    MembershipFactory(project=image.project, user=user, role=Role.VIEWER)
    source.add_image("app/other", "1.0", random_image([700], seed=9))
    request = ImportRequest(f"{source.server_name}/app/other:1.0", target_name="web", target_tag="1.0")
    services.submit(project=other, user=user, request=request)
    work()
    before = Image.objects.get(project=other).digest
    kept = copy_images(project=other, user=user, images=[image])
    work()
    assert kept.tasks.get().error_code == "tag_exists" and Image.objects.get(project=other).digest == before
    copy_images(project=other, user=user, images=[image], overwrite=True)
    work()
    assert Image.objects.get(project=other).digest == image.digest


def test_no_one_copies_what_they_may_not_read(image: Image, work: Work) -> None:
    user, other = member(Role.OWNER, ProjectFactory(name="prod"))
    batch = copy_images(project=other, user=user, images=[image])
    work()
    assert batch.tasks.get().error_code == "not_found"
    assert not Image.objects.filter(project=other).exists()
