"""What is held in a project, by whom, and that the registry's door does not let it be deleted."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator

import pytest
from django.test import Client

from projects import keeping
from projects.keeping import Hold
from projects.models import AuditEvent, Project
from tests.support.keeping import reasons
from tests.support.people import PASSWORD, Team

pytestmark = pytest.mark.django_db

HELD, LOOSE = "sha256:" + "a" * 64, "sha256:" + "b" * 64
Keep = Callable[..., None]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Registers a keeper of one digest in one repository of one project, until the test has ended."""

    def made(project: Project, repository: str = "app") -> None:
        def keeper(asked: Project, digests: Collection[str] | None) -> Iterator[Hold]:
            if asked == project and (digests is None or HELD in digests):
                yield Hold(HELD, repository, "The box %(name)s holds it.", {"name": "north"})

        keeping.register("test", keeper)

    yield made
    keeping.unregister("test")


def ask(project: Project, scope: str) -> tuple[int, str, str]:
    """Status, granted scope and sentence for a maintainer at the token service."""
    secret = base64.b64encode(f"{project.name}-maintainer:{PASSWORD}".encode()).decode()
    answer = Client().get("/service/token", {"scope": scope}, headers={"Authorization": f"Basic {secret}"})
    body = answer.json()
    return answer.status_code, body.get("scope", ""), body.get("detail", "")


def test_each_digest_has_the_reason_of_its_keeper_and_others_have_none(keep: Keep) -> None:
    project, other = Team.make("one").project, Team.make("two").project
    keep(project)
    assert list(reasons(project, [HELD, LOOSE])) == [HELD]
    assert reasons(project, [LOOSE]) == {}
    assert reasons(other, [HELD]) == {}
    assert [hold.digest for hold in keeping.holds(project)] == [HELD]


def test_nothing_is_deleted_at_the_door_where_content_is_held(keep: Keep) -> None:
    project = Team.make("one").project
    assert ask(project, "repository:one/app:pull,delete")[1] == "repository:one/app:pull,delete"
    keep(project)
    status, _, sentence = ask(project, "repository:one/app:pull,delete")
    assert status == 403
    assert sentence.startswith("The box north holds it. Delete tags of one/app on the portal's pages")
    assert ask(project, "repository:one/app:*")[1] == "repository:one/app:pull,push"
    assert ask(project, "repository:one/other:delete")[1] == "repository:one/other:delete"
    told = AuditEvent.objects.filter(action="registry.refused", subject="repository:one/app:delete").get()
    assert "The box north holds it." in told.detail["reason"]


def test_what_is_held_wherever_it_is_holds_in_every_repository(keep: Keep) -> None:
    project = Team.make("one").project
    keep(project, repository="")
    assert ask(project, "repository:one/other:delete")[0] == 403
