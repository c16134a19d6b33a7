"""Whose name is in the audit log of what no request asks for by itself: for an owner, for who stands in a token, or for
no one; whoever else is being answered at that moment."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.caller import acting_as, calling_from
from imageimport import tasks
from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask
from imageimport.requests import services as requests
from imageimport.schedules import services as schedules
from projects import protection
from projects.models import (
    AuditEvent,
    Collection,
    Image,
    Membership,
    Project,
    RetentionRule,
    Role,
    TrashedTag,
)
from projects.registry.client import PULL, opened_repository
from projects.registry.putting_back import put_back
from projects.retention import cleanup, collection, trash
from projects.services import create_robot
from registry_portal.management.commands.bootstrap import first_people
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import ImageFactory, MembershipFactory, ProjectFactory, TaskFactory, UserFactory
from tests.support.people import DIGEST, PASSWORD, Team, make_user

pytestmark = pytest.mark.django_db(transaction=True)
#: Of the request of someone else, during which all of this happens.
ELSEWHERE = "192.0.2.66"


@pytest.fixture(autouse=True)
def someone_else_is_answered(db: None) -> Iterator[User]:
    """They have asked for nothing here."""
    user = UserFactory(username="someone-else")
    with calling_from(ELSEWHERE), acting_as(user):
        yield user


@pytest.fixture
def own_cache(settings: Any) -> None:
    """In memory: no Redis is started here."""
    settings.CACHES = {**settings.CACHES, "default": settings.CACHES["local"] | {"LOCATION": "on-behalf"}}


def named(action: str) -> list[tuple[User | None, str]]:
    return [
        (event.actor, event.actor_name) for event in AuditEvent.objects.filter(action=action).order_by("id")
    ]


NO_ONE: list[tuple[User | None, str]] = [(None, "")]


def kept(source: ScriptedRegistry, owner: User, name: str) -> Any:
    """A project of theirs with a schedule that has something to import."""
    project = ProjectFactory()
    Membership.objects.create(project=project, user=owner, role=Role.MAINTAINER)
    source.add_image(name, "1", random_image([500], seed=1))
    wanted = schedules.NewSchedule(image_url=f"{source.server_name}/{name}", tags=["1"], cron="0 3 * * *")
    return schedules.create(project=project, user=owner, wanted=wanted)


def test_a_run_of_a_schedule_acts_for_its_owner_whoever_began_it(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Several run side by side in threads of one process, and one in the thread that was here before."""
    owners = [UserFactory(username=f"owner-{number}") for number in range(4)]
    for number, owner in enumerate(owners):
        schedule = kept(source, owner, f"app/number-{number}")
        with acting_as(owners[number - 1]):
            schedules.run_now(schedule=schedule, user=owners[number - 1])
    schedules.run_due()
    assert [name for _user, name in named("schedule.run")] == ["owner-3", "owner-0", "owner-1", "owner-2"]
    imports = AuditEvent.objects.filter(action="import.created").select_related("actor")
    whose = {str(project.pk): project.memberships.get().user for project in Project.objects.all()}
    assert {event.actor for event in imports} == set(owners)
    assert all(event.actor == whose[str(event.project_id)] for event in imports)
    assert {task.requested_by for task in ImportTask.objects.all()} == set(owners)


def test_a_run_by_the_clock_in_a_task_acts_for_the_owner_from_nowhere(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    owner = UserFactory(username="owner")
    schedule = kept(source, owner, "app/web")
    type(schedule).objects.update(next_run_at=timezone.now() - dt.timedelta(seconds=1))
    tasks.start_schedules()
    event = AuditEvent.objects.get(action="import.created")
    assert (event.actor, event.actor_name, event.address) == (owner, "owner", None)


def test_a_schedule_without_an_owner_acts_for_no_one(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    schedule = kept(source, UserFactory(), "app/web")
    User.objects.filter(pk=schedule.created_by_id).delete()
    schedule.refresh_from_db()
    schedules.run_now(schedule=schedule, user=None)
    schedules.run_due()
    assert named("import.created") == NO_ONE


def test_a_request_that_expires_ends_for_no_one() -> None:
    task = TaskFactory(status=Status.REQUESTED)
    ApprovalRequest.objects.create(task=task, expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert requests.expire_due() == 1
    assert named("request.expired") == NO_ONE


def test_what_was_long_enough_in_the_trash_goes_for_no_one() -> None:
    now = timezone.now()
    TrashedTag.objects.create(
        project=ProjectFactory(), repository="app", tag="1", digest=DIGEST, set_at=now, expires_at=now,
        removed_by=UserFactory(),
    )  # fmt: skip
    assert trash.sweep(now) == 1
    assert named("trash.expired") == NO_ONE


def test_the_clocks_clean_up_is_no_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "delete_tag", lambda **_: True)
    monkeypatch.setattr(trash, "_named_now", lambda _there, _tag, expected: expected)
    now = timezone.now()
    project = ProjectFactory(retention_next_at=now, created_by=UserFactory())
    for number in range(2):
        ImageFactory(project=project, repository="app", tag=str(number))
    RetentionRule.objects.create(project=project, keep_newest=1, created_by=UserFactory())
    assert cleanup.run_due(now) == 1
    assert named("retention.run") == named("image.cleaned") == NO_ONE
    assert TrashedTag.objects.get().removed_by is None


def test_a_collection_ends_for_no_one_and_the_clock_asks_for_no_one(settings: Any, tmp_path: Any) -> None:
    settings.REGISTRY_STORAGE, settings.REGISTRY_AUTH = str(tmp_path), "token"
    settings.REGISTRY_COLLECT_CRON = "* * * * *"
    collection.tick()
    assert named("collection.requested") == NO_ONE
    Collection.objects.update(asked_at=timezone.now() - dt.timedelta(days=2))
    collection.tick()
    assert named("collection.ended") == NO_ONE


def test_a_protected_tag_is_put_back_for_no_one(target: ScriptedRegistry) -> None:
    team = Team.make()
    digest = target.add_image("team/app", "v1", random_image([500], seed=1))
    row = Image.objects.create(project=team.project, repository="app", tag="v1", digest=digest, size=1)
    protection.add(project=team.project, user=team.users["owner"], pattern="*:v*")
    target.add_image("team/app", "v1", random_image([500], seed=2))
    with opened_repository("team/app", PULL) as there:
        assert put_back(there, row)
    assert named("tag.restored") == NO_ONE


def ask_for_token(name: str, password: str, session_of: User, *scopes: str) -> Any:
    client = Client(REMOTE_ADDR="203.0.113.5")
    client.force_login(session_of, "django.contrib.auth.backends.ModelBackend")
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {text}"} if name else {}
    return client.get("/service/token", {"scope": list(scopes)}, headers=headers)


@pytest.mark.usefixtures("own_cache")
def test_the_registrys_token_is_asked_for_by_who_signs_in_there_whatever_session_comes_along(
    someone_else_is_answered: User,
) -> None:
    team = Team.make()
    robot, secret = create_robot(project=team.project, by=team.users["owner"], name="ci", access="push")
    for name, password in (("team-developer", PASSWORD), (robot.login, secret)):
        AuditEvent.objects.all().delete()
        scopes = ["repository:team/app:pull,push", "repository:other/app:push"]
        assert ask_for_token(name, password, someone_else_is_answered, *scopes).status_code == 200
        assert ask_for_token(name, password, someone_else_is_answered).status_code == 200
        user = team.users["developer"] if name == "team-developer" else None
        assert {
            (event.action, event.actor, event.actor_name, event.address) for event in AuditEvent.objects.all()
        } == {
            (f"registry.{action}", user, name, "203.0.113.5")
            for action in ("granted", "refused", "signed_in")
        }


@pytest.mark.usefixtures("own_cache")
def test_a_failed_sign_in_names_what_was_typed_and_no_one(someone_else_is_answered: User) -> None:
    make_user("ann")
    assert ask_for_token("ann", "wrong", someone_else_is_answered).status_code == 401
    assert named("registry.sign_in_failed") == [(None, "ann")]
    assert ask_for_token("", "", someone_else_is_answered, "repository:none/x:pull").status_code == 200
    assert AuditEvent.objects.count() == 1, "an anonymous caller is only counted"


def test_a_command_acts_for_the_user_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ctrl-C cancels is no one's, as before: who pressed it is not known."""
    ann, project = UserFactory(username="ann"), ProjectFactory()
    MembershipFactory(user=ann, project=project)

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imageimport.management.terminal.time.sleep", interrupted)
    with acting_as(None), pytest.raises(SystemExit):
        call_command("importimage", "nginx", "--project", project.name, "--user", "ann")
    assert named("import.created") == [(ann, "ann")]
    assert named("import.canceled") == NO_ONE


def test_the_first_project_is_made_by_the_first_administrator() -> None:
    first_people()
    administrator = User.objects.get(is_superuser=True)
    assert named("project.created") == [(administrator, administrator.get_username())]
    assert Project.objects.get().created_by == administrator
