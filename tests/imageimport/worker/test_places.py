"""Who takes the next place: what one account can do to another."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.exceptions import ApplicationError
from imageimport.choices import Outcome, Priority
from imageimport.models import AccountTurn, ImportTask
from imageimport.submission.services import check_room
from imageimport.worker import leases, places
from imageimport.worker.leases import Lease
from oci.errors import OciError
from tests.support.factories import ProjectFactory, TaskFactory, UserFactory, end_by_hand

pytestmark = pytest.mark.django_db


def claim() -> Lease | None:
    return leases.claim(worker="test:1")


def claimed() -> ImportTask:
    lease = claim()
    assert lease is not None
    return lease.task


def end(task: ImportTask) -> None:
    end_by_hand(task.pk)


def flood(user: User, *, projects: int, each: int = 2, **values: Any) -> list[ImportTask]:
    made = [ProjectFactory(created_by=user) for _ in range(projects)]
    return [
        TaskFactory(project=project, requested_by=user, **values) for project in made for _ in range(each)
    ]


def test_one_account_with_many_projects_leaves_a_place_to_others(settings: Any) -> None:
    bob, alice = UserFactory(), UserFactory()
    flood(bob, projects=4)
    taken = [claim() for _ in range(settings.IMPORT_MAX_RUNNING)]
    assert [lease is not None for lease in taken] == [True, True, True, False]
    hers = TaskFactory(requested_by=alice)
    assert claimed() == hers


def test_the_limit_of_an_account_can_be_set_and_one_place_alone_is_everybodys(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING_PER_USER = 1
    flood(UserFactory(), projects=2)
    assert claim() is not None
    assert claim() is None
    settings.IMPORT_MAX_RUNNING_PER_USER = 0
    settings.IMPORT_MAX_RUNNING = 1
    assert places.most_of_account() == 1


def test_a_superuser_may_fill_the_house(settings: Any) -> None:
    flood(UserFactory(is_superuser=True), projects=2)
    assert all(claim() for _ in range(settings.IMPORT_MAX_RUNNING))


def test_the_next_place_goes_to_who_has_fewest_running_whatever_his_projects(settings: Any) -> None:
    bob, alice = UserFactory(), UserFactory()
    settings.IMPORT_MAX_RUNNING = 6
    flood(bob, projects=4)
    alices = flood(alice, projects=1)
    order = [claimed().requested_by for _ in range(4)]
    assert sorted(order.count(who) for who in (bob, alice)) == [2, 2]
    assert {task.status for task in ImportTask.objects.filter(pk__in=[t.pk for t in alices])} == {"running"}


def test_accounts_take_turns_at_a_single_place(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 1
    people = [UserFactory() for _ in range(3)]
    for user in people:
        flood(user, projects=2)
    served = []
    for _ in range(6):
        task = claimed()
        end(task)
        served.append(task.requested_by)
    assert served[:3] == served[3:]
    assert set(served) == set(people)


def test_a_batch_is_passed_over_by_interactive_imports_for_some_minutes_only(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 1
    bob, alice = UserFactory(), UserFactory()
    long_ago = timezone.now() - dt.timedelta(seconds=places.PASSED_OVER_SECONDS + 1)
    flood(bob, projects=10, created_at=long_ago)
    hers = TaskFactory(requested_by=alice, priority=Priority.SCHEDULED)
    for _ in range(3):
        task = claimed()
        assert task.requested_by == bob, "interactive goes first"
        end(task)
    ImportTask.objects.filter(pk=hers.pk).update(created_at=long_ago)
    assert claimed() == hers


def test_who_was_served_lately_is_not_passed_over(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 1
    bob, alice = UserFactory(), UserFactory()
    long_ago = timezone.now() - dt.timedelta(days=1)
    batch = flood(alice, projects=1, priority=Priority.BATCH, created_at=long_ago)
    interactive = flood(bob, projects=1, each=2)
    first = claimed()
    assert first in batch
    end(first)
    assert claimed() in interactive


def test_without_an_account_a_project_takes_its_own_turns(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 4
    settings.IMPORT_MAX_RUNNING_PER_PROJECT = 4
    project = ProjectFactory()
    for _ in range(5):
        TaskFactory(project=project, requested_by=None)
    assert all(claim() for _ in range(4)), "nobody is counted"


def test_a_members_imports_do_not_put_those_without_an_account_last_in_line_again(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 1
    bob, alice, project = UserFactory(), UserFactory(), ProjectFactory()
    long_ago = timezone.now() - dt.timedelta(seconds=places.PASSED_OVER_SECONDS + 1)
    ownerless = TaskFactory(project=project, requested_by=None, priority=Priority.BATCH, created_at=long_ago)
    places.note_turn(TaskFactory(project=project, requested_by=alice), timezone.now())
    TaskFactory(requested_by=bob)
    assert claimed() == ownerless, "the turn of the project is not theirs"


# --- giving way -----------------------------------------------------------------------------------------


def test_a_place_is_wanted_where_anothers_import_can_not_start_for_it(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 2
    bob, carol, alice = UserFactory(), UserFactory(), UserFactory()
    held = TaskFactory(requested_by=bob)
    TaskFactory(requested_by=carol)
    assert claim() and claim()
    flood(bob, projects=1)
    assert not places.is_wanted(held), "nobody else waits"
    TaskFactory(requested_by=alice, not_before=timezone.now() + dt.timedelta(hours=1))
    assert not places.is_wanted(held), "hers may not start yet"
    TaskFactory(requested_by=alice)
    assert places.is_wanted(held)
    settings.IMPORT_MAX_RUNNING = 3
    assert not places.is_wanted(held), "there is another place for it"


def test_the_places_of_a_project_are_wanted_by_its_other_members(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING_PER_PROJECT = 1
    bob, alice = UserFactory(), UserFactory()
    project = ProjectFactory()
    held = TaskFactory(project=project, requested_by=bob)
    assert claim()
    TaskFactory(project=project, requested_by=alice)
    assert claim() is None
    assert places.is_wanted(held)


def test_what_waits_for_its_own_limit_wants_no_place_of_others(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 3
    settings.IMPORT_MAX_RUNNING_PER_PROJECT = 1
    bob, alice = UserFactory(), UserFactory()
    held = TaskFactory(requested_by=bob)
    project = ProjectFactory()
    TaskFactory(requested_by=alice, project=project)
    TaskFactory(requested_by=UserFactory())
    assert claim() and claim() and claim()
    TaskFactory(requested_by=alice, project=project)
    assert not places.is_wanted(held)


def test_what_gives_way_is_the_last_in_line_burns_no_attempt_and_says_why(settings: Any) -> None:
    settings.IMPORT_MAX_RUNNING = 1
    bob, alice = UserFactory(), UserFactory()
    slow = TaskFactory(requested_by=bob)
    lease = claim()
    assert lease is not None
    hers = flood(alice, projects=1)
    AccountTurn.objects.create(kind="import", account=f"user:{alice.pk}", served_at=timezone.now())
    leases.give_way(lease, error=OciError("stalled", "Others wait."))
    slow.refresh_from_db()
    assert (slow.status, slow.attempts, slow.message) == ("pending", 0, "Others wait.")
    assert list(slow.history.values_list("outcome", "error_code")) == [(Outcome.HANDED_BACK, "stalled")]
    ImportTask.objects.filter(pk=slow.pk).update(not_before=None)
    assert claimed() in hers


# --- what may wait --------------------------------------------------------------------------------------


def test_one_account_has_so_many_waiting_in_all_its_projects(settings: Any) -> None:
    settings.IMPORT_MAX_QUEUED_PER_USER = 4
    bob = UserFactory()
    flood(bob, projects=2)
    with pytest.raises(ApplicationError) as refused:
        check_room(ProjectFactory(), 1, user=bob)
    assert refused.value.code == "queue_full"
    check_room(ProjectFactory(), 1, user=UserFactory())
    bob.is_superuser = True
    check_room(ProjectFactory(), 1, user=bob)
