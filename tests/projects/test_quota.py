"""What a project may hold: exactly that much, and no more."""

from __future__ import annotations

import pytest

from accounts.exceptions import ApplicationError
from projects import quota
from projects.models import Project
from tests.support.people import Team

pytestmark = pytest.mark.django_db


def full(**limits: int) -> Project:
    """A project of two images of ten bytes."""
    team = Team.make()
    team.image("app", "1", size=10)
    team.image("app", "2", size=10)
    for name, limit in limits.items():
        setattr(team.project, name, limit)
    team.project.save()
    return team.project


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, ""),
        ({"quota_images": 2, "quota_bytes": 20}, ""),
        ({"quota_images": 1}, "The project team may hold 1 images, and holds 2."),
        ({"quota_images": 2, "quota_bytes": 19}, "The project team may hold 19 bytes, and holds 20."),
    ],
)
def test_a_project_is_over_its_quota_once_it_holds_more(limits: dict[str, int], said: str) -> None:
    found = quota.excess(full(**limits))
    assert found.startswith(said)
    assert bool(found) is bool(said)


@pytest.mark.parametrize(
    ("limits", "images", "size", "fits"),
    [
        ({}, 5, 500, True),
        ({"quota_images": 2}, 0, 500, True),
        ({"quota_images": 2}, 1, 0, False),
        ({"quota_images": 3}, 1, 0, True),
        ({"quota_bytes": 20}, 1, 0, True),
        ({"quota_bytes": 20}, 1, 1, False),
        ({"quota_bytes": 19}, 0, -5, True),
    ],
)
def test_what_comes_back_needs_room(limits: dict[str, int], images: int, size: int, fits: bool) -> None:
    project = full(**limits)
    if fits:
        with quota.reserved(project, images=images, size=size):
            pass
        return
    with pytest.raises(ApplicationError) as refused, quota.reserved(project, images=images, size=size):
        raise AssertionError
    assert refused.value.code == "quota_exceeded"


def test_what_is_reserved_counts_until_its_block_ends() -> None:
    project = full(quota_images=3)
    with quota.reserved(project, images=1, size=5):
        assert quota.reserved_in(project) == quota.Room(1, 5)
        with pytest.raises(ApplicationError), quota.reserved(project, images=1, size=5):
            raise AssertionError
    assert quota.reserved_in(project) == quota.Room()
    with quota.reserved(project, images=1, size=5):
        pass
