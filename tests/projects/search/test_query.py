"""The search of images finds what it always found, through the index and past it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from django.db import connection

from projects import selectors
from projects.models import Image, Project
from projects.search import query
from projects.search.trigrams import IMAGES
from projects.selectors import images_of, search_images
from tests.support.factories import ImageFactory, ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["few", "many"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many":
        monkeypatch.setattr(selectors, "IMAGES", replace(IMAGES, common=0))


@pytest.mark.usefixtures("_both_ways")
def test_parts_of_repository_and_tag_and_the_beginning_of_a_digest_are_found() -> None:
    project = ProjectFactory()
    nginx = ImageFactory(project=project, repository="web/Nginx", tag="1.27-alpine", digest="sha256:abcd12")
    redis = ImageFactory(project=project, repository="redis", tag="7", digest="sha256:ffab00")
    ImageFactory(repository="web/nginx-of-others", tag="1.27")

    def found(text: str) -> list[Image]:
        everywhere = set(search_images(Image.objects.filter(project=project), text))
        mine = list(search_images(images_of(project), text, projects=[project.pk]))
        assert everywhere == set(mine)
        return mine

    assert found("NGINX") == found("27-alp") == found("sha256:abcd") == [nginx]
    assert found("ngin:1.2") == found("web/nginx:1.27-alpine") == [nginx]
    assert found("ed") == found("redis:") == found(":7") == [redis]
    assert found("sha256:ab00") == found("nginx:7") == found("qq") == []
    assert set(found("i")) == {nginx, redis}


def test_two_letters_are_sought_in_the_index_whatever_they_and_their_neighbours_are() -> None:
    """Both databases can tell: all that the index finds is the project's, and nothing of it is missed."""
    project = ProjectFactory()
    image = ImageFactory(project=project, repository="Web/api_v2", tag="1.27-b", digest="sha256:abcd12")
    ImageFactory(repository="zq/app:z", tag="zq")
    for pair in ("we", "eb", "b/", "/a", "i_", "_v", "v2", "1.", "7-", "-b", "12"):
        assert [image.pk] == found_by_index(pair, project), pair
    assert found_by_index("zq", project) == found_by_index("2b", project) == []
    assert query.matching_ids(IMAGES, [["镜像"]], projects=[project.pk]) is None


def test_what_is_rare_in_some_projects_is_listed_however_often_others_have_it() -> None:
    mine = [ImageFactory(repository=f"mine-{number}/nginx", tag="1.27") for number in range(2)]
    for number in range(4):
        ImageFactory(repository=f"theirs-{number}/nginx", tag="1.27")
    projects = [image.project_id for image in mine]
    few = replace(IMAGES, common=3)
    assert query.matching_ids(few, [["nginx"]], projects=None) is None
    if connection.vendor == "sqlite":
        wanted = query.matching_ids(few, [["nginx"], ["mine", "1.2"]], projects=projects)
        assert set(Image.objects.filter(pk__in=wanted)) == set(mine)
        assert query.matching_ids(replace(IMAGES, common=1), [["nginx"]], projects=projects) is None
    found = search_images(query.passing(Image.objects.all(), "project", projects), "nginx", projects=projects)
    assert set(found) == set(mine)
    assert not search_images(Image.objects.none(), "nginx", projects=[]).exists()


def found_by_index(text: str, project: Project) -> list[UUID]:
    wanted = query.matching_ids(IMAGES, [[text]], projects=[project.pk])
    assert wanted is not None
    return list(Image.objects.filter(pk__in=wanted).values_list("pk", flat=True))


@pytest.mark.usefixtures("_both_ways")
def test_rows_that_changed_or_went_are_found_as_they_are() -> None:
    image = ImageFactory(repository="before")
    Image.objects.filter(pk=image.pk).update(repository="after")
    assert not search_images(Image.objects.all(), "before").exists()
    assert search_images(Image.objects.all(), "after").exists()
    Image.objects.all().delete()
    assert not search_images(Image.objects.all(), "after").exists()
