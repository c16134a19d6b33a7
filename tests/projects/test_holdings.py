"""What a project holds is counted by the database itself, however the rows are written."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Count, Sum

from projects import holdings
from projects.models import Holding, Image, Project
from projects.selectors import visible_projects
from tests.support.factories import ImageFactory, ProjectFactory
from tests.support.people import Team

pytestmark = pytest.mark.django_db


def held(project: Project) -> tuple[int, int]:
    row = Holding.objects.filter(project=project).first() or Holding()
    return row.images, row.bytes


def counted(project: Project) -> tuple[int, int]:
    found = Image.objects.filter(project=project).aggregate(images=Count("*"), bytes=Sum("size"))
    return found["images"], found["bytes"] or 0


def test_every_way_of_writing_is_counted() -> None:
    one, other = ProjectFactory(), ProjectFactory()
    assert held(one) == (0, 0)
    images = [ImageFactory(project=one, size=10), ImageFactory(project=one, size=5)]
    Image.objects.bulk_create(
        Image(project=project, repository=f"bulk{n}", tag="1", digest="sha256:0", size=n)
        for n in range(20)
        for project in (one, other)
    )
    assert held(one) == counted(one) == (22, 205)
    Image.objects.filter(pk=images[0].pk).update(size=100)
    Image.objects.filter(repository="bulk7", project=one).update(project=other, tag="2")
    Image.objects.update(pull_count=3)
    images[1].delete()
    Image.objects.filter(repository="bulk3", project=one).delete()
    for project in (one, other):
        assert held(project) == counted(project)
    assert held(one)[0] == 19


def test_a_tag_that_is_written_again_counts_once() -> None:
    project = ProjectFactory()
    for size in (10, 30):
        Image.objects.bulk_create(
            [Image(project=project, repository="app", tag="1", digest="sha256:0", size=size)],
            update_conflicts=True,
            unique_fields=["project", "repository", "tag"],
            update_fields=["size"],
        )
    assert held(project) == (1, 30)


def test_a_project_goes_with_its_images_and_its_numbers() -> None:
    image = ImageFactory()
    project = image.project
    project.delete()
    assert not Holding.objects.filter(project_id=project.pk).exists()
    assert not Image.objects.exists()


def test_lists_and_pages_of_projects_show_it() -> None:
    team = Team.make()
    ImageFactory(project=team.project)
    (found,) = visible_projects(team.users["viewer"]).filter(pk=team.project.pk)
    assert found.image_count == 1
    assert Project.objects.get(pk=team.project.pk).image_count == 1
    assert ProjectFactory().image_count == 0


def test_triggers_that_went_are_made_again_and_all_is_counted_anew() -> None:
    project = ProjectFactory()
    on = "" if connection.vendor == "sqlite" else " ON projects_image"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER holding_insert{on}")
    ImageFactory(project=project, size=7)
    assert held(project) == (0, 0)
    holdings.ensure()
    ImageFactory(project=project, size=1)
    assert held(project) == (2, 8)
    holdings.ensure()
    assert held(project) == (2, 8)
