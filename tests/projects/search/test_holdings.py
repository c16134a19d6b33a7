"""What a project holds is counted by the database itself, however the rows are written."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Count, Sum

from projects.models import Holding, Image, Project
from projects.search import holdings
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


@pytest.mark.parametrize("size", [2**50, 2**60, 2**61 + 12345, 2**63 - 1])
def test_sums_that_no_integer_holds_are_the_largest_and_come_back_to_the_byte(size: int) -> None:
    """A floating number would stay wrong by some hundred bytes."""
    project, other = ProjectFactory(), ProjectFactory()
    small = [ImageFactory(project=project, size=n) for n in (1, 20, 300)]
    for _ in range(2):
        large = [ImageFactory(project=project, size=size) for _ in range(9)]
        assert held(project) == (12, min(321 + 9 * size, holdings.MAX_BYTES))
        Image.objects.filter(pk=large[0].pk).update(size=4000)
        Image.objects.filter(pk=large[1].pk).update(project=other)
        assert held(other) == (1, min(size, holdings.MAX_BYTES))
        assert held(project) == (11, min(4321 + 7 * size, holdings.MAX_BYTES))
        Image.objects.filter(pk__in=[each.pk for each in large]).delete()
        assert held(project) == counted(project) == (3, 321)
        assert held(other) == (0, 0)
    small[0].delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT bytes FROM projects_holding WHERE project_id = %s", [_key(project)])
        (found,) = cursor.fetchone()
    assert (type(found), found) == (int, 320)


def _key(project: Project) -> str:
    return project.pk.hex if connection.vendor == "sqlite" else str(project.pk)


def test_what_an_earlier_release_counted_with_a_fraction_is_recounted() -> None:
    """Its triggers have other names."""
    project = ProjectFactory()
    for size in (2**61, 2**61, 7):
        ImageFactory(project=project, size=size)
    on = "" if connection.vendor == "sqlite" else " ON projects_image"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TRIGGER holding_added{on} RENAME TO holding_insert" if on else _AS_BEFORE)
    Holding.objects.filter(project=project).update(bytes=5)
    holdings.ensure()
    assert held(project) == (3, holdings.MAX_BYTES)
    Image.objects.filter(project=project, size=2**61).delete()
    assert held(project) == (1, 7)


_AS_BEFORE = "CREATE TRIGGER holding_insert AFTER INSERT ON projects_image BEGIN SELECT 1; END"


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
        cursor.execute(f"DROP TRIGGER holding_added{on}")
    ImageFactory(project=project, size=7)
    assert held(project) == (0, 0)
    holdings.ensure()
    ImageFactory(project=project, size=1)
    assert held(project) == (2, 8)
    holdings.ensure()
    assert held(project) == (2, 8)
