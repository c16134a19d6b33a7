"""Who may read and pull a project is said where it is decided and where it is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from projects.models import Project
from tests.support.people import Team

As = Callable[..., Client]
PAGE = "/projects/team/"
EDIT = PAGE + "settings/project/"


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            (
                "Only members can see the project and pull.",
                "Everyone who signs in can see the project and pull.",
                "Anyone who can reach the registry can pull, without signing in.",
                "Make sure that these images contain no secrets",
            ),
        ),
        (
            "zh-hans",
            (
                "仅成员可查看项目和拉取镜像。",
                "所有登录用户都可查看项目和拉取镜像。",
                "任何能访问私有仓库的人无需登录即可拉取镜像",
                "请确认这些镜像不含敏感内容",
            ),
        ),
    ],
)
@pytest.mark.parametrize("page", ["/new-project/", EDIT])
def test_the_form_says_of_each_choice_who_can_pull(
    as_: As, team: Team, page: str, language: str, words: tuple[str, ...]
) -> None:
    shown = text(as_("owner", language=language).get(page))
    for each in words:
        assert each in shown


@pytest.mark.parametrize(
    ("visibility", "badge", "chinese"),
    [("private", "Private", "私有"), ("internal", "Internal", "内部"), ("public", "Public", "公开")],
)
def test_the_badge_says_which_it_is(as_: As, team: Team, visibility: str, badge: str, chinese: str) -> None:
    Project.objects.update(visibility=visibility)
    for address in ("/", PAGE):
        assert f"{badge}</span>" in text(as_("owner").get(address))
        assert f"{chinese}</span>" in text(as_("owner", language="zh-hans").get(address))


def test_owners_of_a_public_project_see_that_pulls_need_no_sign_in(as_: As, team: Team) -> None:
    said = "Anyone can pull without signing in"
    for visibility, shows in (("private", False), ("internal", False), ("public", True)):
        Project.objects.update(visibility=visibility)
        assert (said in text(as_("owner").get(PAGE))) == shows
        page = text(as_("owner").get(PAGE + "settings/"))
        assert ("Anyone who can reach the registry can pull, without signing in." in page) == shows


def test_an_owner_who_makes_a_project_public_is_told_what_that_means(as_: As, team: Team) -> None:
    owner = as_("owner")
    owner.post(EDIT, {"description": "", "visibility": "internal", "language": "en"})
    assert Project.objects.get().visibility == "internal"
    page = text(owner.get(PAGE))
    assert "The project was saved." in page
    owner.post(EDIT, {"description": "", "visibility": "public", "language": "en"})
    assert "anyone can pull its images without signing in" in text(owner.get(PAGE))


def test_an_internal_project_is_read_by_everyone_who_signed_in_and_changed_by_members_only(
    as_: As, team: Team
) -> None:
    Project.objects.update(visibility="internal")
    stranger = as_("stranger")
    page = text(stranger.get(PAGE))
    assert "Reader (internal project)" in page
    assert "Add from URL" not in page
    assert stranger.get(PAGE + "import/").status_code == 403
    assert as_("anonymous").get(PAGE).status_code == 302
