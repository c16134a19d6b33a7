"""What may be said of a project: its name, and what is not the caller's to set."""

from __future__ import annotations

import pytest

from projects.models import Project
from tests.support.people import bearer, call, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Upper",
        "a b",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a/b",
        "ä",
        "a" * 64,
        "a\nb",
        "\u2460",
        "a._b",
        None,
        True,
        ["a"],
    ],
)
def test_a_name_that_no_repository_can_have_is_a_field_error(name: object) -> None:
    answer = call("POST", "/projects", {"name": name}, bearer(make_user("ann")))
    assert answer.status_code == 400
    assert list(answer.json()) == ["name"]
    assert not Project.objects.exists()


@pytest.mark.parametrize("name", ["a", "7", "a-b", "a--b", "a.b", "a_b", "a__b", "a" * 63])
def test_a_name_that_repositories_can_have_is_fine(name: str) -> None:
    assert call("POST", "/projects", {"name": name}, bearer(make_user("ann"))).status_code == 201


@pytest.mark.parametrize("extra", [{"role": "owner"}, {"id": "x"}, {"created_by": 1}, {"quota_images": 9}])
def test_what_is_not_the_callers_to_set_is_not_set(extra: dict[str, object]) -> None:
    body = {"name": "web", **extra}
    assert call("POST", "/projects", body, bearer(make_user("ann"))).status_code == 201
    assert Project.objects.get().quota_images is None
