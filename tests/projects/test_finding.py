"""The search of images finds what it always found, through the index and past it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projects import selectors
from projects.models import Image
from projects.selectors import images_of, search_images
from projects.trigrams import IMAGES
from tests.support.factories import ImageFactory, ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["few", "many"], autouse=True)
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many":
        monkeypatch.setattr(selectors, "IMAGES", replace(IMAGES, common=0))


def test_parts_of_repository_and_tag_and_the_beginning_of_a_digest_are_found() -> None:
    project = ProjectFactory()
    nginx = ImageFactory(project=project, repository="web/Nginx", tag="1.27-alpine", digest="sha256:abcd12")
    redis = ImageFactory(project=project, repository="redis", tag="7", digest="sha256:ffab00")
    ImageFactory(repository="web/nginx-of-others", tag="1.27")

    def found(text: str) -> list[Image]:
        everywhere = set(search_images(Image.objects.filter(project=project), text))
        mine = list(search_images(images_of(project), text, project_id=project.pk))
        assert everywhere == set(mine)
        return mine

    assert found("NGINX") == found("27-alp") == found("sha256:abcd") == [nginx]
    assert found("ngin:1.2") == found("web/nginx:1.27-alpine") == [nginx]
    assert found("ed") == found("redis:") == found(":7") == [redis]
    assert found("sha256:ab00") == found("nginx:7") == found("qq") == []
    assert set(found("i")) == {nginx, redis}


def test_rows_that_changed_or_went_are_found_as_they_are() -> None:
    image = ImageFactory(repository="before")
    Image.objects.filter(pk=image.pk).update(repository="after")
    assert not search_images(Image.objects.all(), "before").exists()
    assert search_images(Image.objects.all(), "after").exists()
    Image.objects.all().delete()
    assert not search_images(Image.objects.all(), "after").exists()
