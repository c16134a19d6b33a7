"""No filter and order of a list makes SQLite sort what it finds: among a million imports that takes a second.

The plans are those for a million rows, since the portal writes what SQLite is to believe
(:mod:`projects.search.sqlite_statistics`).
PostgreSQL's plans depend on the rows; ``python -m bench.scale`` measures them.
"""

from __future__ import annotations

import itertools
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from imageimport import filters
from projects.models import Project, Role
from tests.support.factories import TaskFactory, UserFactory, member

pytestmark = pytest.mark.django_db

NARROWED = (
    *("", "status=failed", "status=failed&status=success", "schedule=%s", "schedule=%s&status=failed"),
    *(
        "requested_by=user",
        "requested_by=robot$team",
        "error_code=not_found",
        "requested_by=user&error_code=not_found",
    ),
    *("created_after=2020-01-01&created_before=2199-01-01", "created_after=2020-01-01&status=failed"),
)
ORDERS = ("", "created_at", "completed_at", "-completed_at")
#: What was requested in a time is sorted where it is wanted by its ends: the two are not in one order.
SORTED = [(narrowed, order) for narrowed in NARROWED[-2:] for order in ("completed_at", "-completed_at")]
#: What the index is entered by: else the walk would pass all that is not wanted.
LEADING = {
    ("", ""): (r"\bproject_id=\?",),
    ("status=failed", ""): (r"\bproject_id=\?", r"\bstatus=\?"),
    ("status=failed&status=success", ""): (r"\bproject_id=\?",),
    ("requested_by=user", ""): (r"\bproject_id=\?",),
    ("requested_by=robot$team", ""): (r"\bproject_id=\?",),
    ("error_code=not_found", ""): (r"\bproject_id=\?",),
    ("requested_by=user&error_code=not_found", ""): (r"\bproject_id=\?",),
    (NARROWED[-2], ""): (r"\bproject_id=\?", r"\bcreated_at>\?", r"\bcreated_at<\?"),
    (NARROWED[-1], ""): (r"\bproject_id=\?", r"\bstatus=\?", r"\bcreated_at>\?"),
    ("schedule=%s", ""): (r"\bschedule_id=\?",),
    ("schedule=%s&status=failed", ""): (r"\bschedule_id=\?", r"\bstatus=\?"),
    # Of three things that narrow and order an index has two.
    ("schedule=%s&status=failed", "completed_at"): (r"\bschedule_id=\?",),
}
#: All of it; rows of the same moment may be sorted by their ids.
SORTS = "USE TEMP B-TREE FOR ORDER BY"


@pytest.fixture
def project() -> Project:
    return member(Role.MAINTAINER)[1]


def plans(project: Project, address: str, table: str) -> list[str]:
    """The steps of SQLite's plans for the questions about ``table`` that an answer takes."""
    api = APIClient()
    api.force_authenticate(project.memberships.get().user)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert api.get(f"/api/v1/projects/{project.pk}/{address}").status_code == 200
    found = []
    with connection.cursor() as cursor:
        for query in asked.captured_queries:
            if f'FROM "{table}"' in query["sql"]:
                cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
                found += [row[3] for row in cursor.fetchall()]
    assert found
    return found


@pytest.mark.parametrize(
    ("narrowed", "order"), [each for each in itertools.product(NARROWED, ORDERS) if each not in SORTED]
)
def test_imports_come_in_the_order_of_an_index(
    project: Project, monkeypatch: pytest.MonkeyPatch, narrowed: str, order: str
) -> None:
    monkeypatch.setattr(filters, "FEW", 0)
    user = UserFactory(username="user")
    values = {"project": project, "status": "failed", "error_code": "not_found"}
    task = TaskFactory(target_tag="one", requested_by=user, **values)
    TaskFactory(target_tag="two", robot="robot$team", **values)
    where = narrowed.replace("%s", str(task.pk))
    steps = plans(project, f"images/import?{where}&ordering={order}", "image_import_tasks")
    assert not any(SORTS in step for step in steps), steps
    wanted = LEADING.get((narrowed, order.strip("-")), LEADING[narrowed, ""])
    assert any(all(re.search(part, step) for part in wanted) for step in steps), steps
    assert not any(step.startswith("SCAN") for step in steps), steps


def test_imports_of_several_statuses_that_hardly_any_has_are_fetched_one_by_one(project: Project) -> None:
    TaskFactory(project=project, status="failed")
    steps = plans(project, "images/import?status=failed&status=canceled", "image_import_tasks")
    assert any("(id=?)" in step and "image_import_tasks" in step for step in steps), steps


@pytest.mark.parametrize(
    ("narrowed", "column"),
    [
        ("requested_by=user", "requested_by_id"),
        ("requested_by=robot$team", "robot"),
        ("error_code=not_found", "error_code"),
    ],
)
def test_the_few_imports_of_a_person_or_with_an_error_are_fetched_one_by_one(
    project: Project, narrowed: str, column: str
) -> None:
    TaskFactory(project=project, requested_by=UserFactory(username="user"), error_code="not_found")
    TaskFactory(project=project, robot="robot$team")
    steps = plans(project, f"images/import?{narrowed}", "image_import_tasks")
    assert any(f"({column}=?" in step for step in steps), steps
    assert any("(id=?)" in step and "image_import_tasks" in step for step in steps), steps


@pytest.mark.parametrize(
    "narrowed", ["", "actor=user", "action=image.deleted", "actor=user&action=image.deleted"]
)
def test_the_journal_comes_in_the_order_of_an_index(project: Project, narrowed: str) -> None:
    (step, *more) = plans(project, f"audit?{narrowed}", "projects_auditevent")
    assert not any(SORTS in each for each in more), more
    wanted = dict(part.split("=") for part in narrowed.split("&") if part)
    assert [f"{column}=?" in step for column in ("actor_name", "action")] == [
        "actor" in wanted,
        "action" in wanted,
    ], step
