"""Which images a line of the form means, and what a bundle's files are called."""

from __future__ import annotations

import time
from typing import Any

import pytest

from imageimport.bundles import selectors
from imageimport.bundles.selectors import file_name, matching
from imageimport.models import Bundle
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    made = Team.make()
    for name in ("app:1", "app:1.1", "app:2", "apps/web:1", "db:1"):
        repository, _, tag = name.partition(":")
        made.image(repository, tag)
    other = Team.make("other")
    other.image("app", "9")
    return made


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["app:1"], ["app:1"]),
        (["app"], ["app:1", "app:1.1", "app:2"]),
        (["app:1*"], ["app:1", "app:1.1"]),
        (["app*:1"], ["app:1", "apps/web:1"]),
        (["db:1", "db"], ["db:1"]),
        (["*:9"], ["*:9"]),
        (["gone"], ["gone"]),
        (["ap[p]:*", "db?*", "db:[1]*"], ["ap[p]:*", "db?*", "db:[1]*"]),
    ],
)
def test_a_line_means_the_projects_images_that_it_fits(
    team: Team, lines: list[str], found: list[str]
) -> None:
    assert matching(team.project, lines) == found


def test_patterns_of_many_stars_take_no_time(team: Team) -> None:
    team.image("a" * 200, "1")
    began = time.process_time()
    assert matching(team.project, ["a*" * 60 + "b:*"]) == ["a*" * 60 + "b:*"]
    assert time.process_time() - began < 2


def test_lines_are_asked_for_once_and_no_further_than_a_bundle_goes(
    team: Team, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(selectors, "MAX_NAMES", 3)
    with django_assert_num_queries(1):
        assert matching(team.project, ["app*"] * 50) == ["app:1", "app:1.1", "app:2", "apps/web:1"]
    with django_assert_num_queries(0):
        assert len(matching(team.project, [f"x{number}*" for number in range(5)])) == 5
    with django_assert_num_queries(1):
        assert len(matching(team.project, ["app*", "db*", "x*"])) == 4


def test_files_have_names_that_every_file_system_takes(team: Team) -> None:
    bundle = Bundle.objects.create(project=team.project, name="镜像/für CON: 1", volumes=[1])
    name = file_name(bundle, 1)
    assert name.isascii() and "/" not in name and name.endswith(".tar")
    bundle.volumes = [1] * 12
    assert file_name(bundle, 3).endswith(".03-of-12.tar")
