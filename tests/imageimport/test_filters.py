"""Lists of imports, filtered."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from rest_framework.test import APIClient

from imageimport import filters
from imageimport.choices import Status
from imageimport.models import ImportTask
from projects.models import Project
from tests.imageimport.developing import project
from tests.support.factories import BatchFactory, TaskFactory, ended_task

__all__ = ["project"]
pytestmark = pytest.mark.django_db


def path(project: Project, *more: Any) -> str:
    return "/".join([f"/api/v1/projects/{project.pk}/images/import", *map(str, more)])


def test_the_list_is_newest_first_and_filters(api: APIClient, project: Project) -> None:
    batch = BatchFactory(project=project)
    old = ended_task(Status.FAILED, project=project, source_image="ghcr.io/owner/zebra:1")
    new = TaskFactory(project=project, batch=batch)
    TaskFactory()

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in api.get(path(project), query).json()["results"]]

    assert ids() == [str(new.pk), str(old.pk)]
    assert ids(ordering="created_at") == [str(old.pk), str(new.pk)]
    assert ids(status="failed") == [str(old.pk)]
    assert ids(status="") == ids(batch="") == ids()
    assert ids(search="zebra") == [str(old.pk)]
    assert ids(search=new.target_image[-12:]) == [str(new.pk)]
    assert ids(batch=str(batch.pk)) == [str(new.pk)]
    assert api.get(path(project), {"status": "nonsense"}).status_code == 400


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("ordering", ["", "created_at", "completed_at", "-completed_at"])
def test_several_statuses_are_one_list_whether_few_imports_have_them_or_many(
    api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch, few: int, ordering: str
) -> None:
    monkeypatch.setattr(filters, "FEW", few)
    statuses = (Status.FAILED, Status.CANCELED, Status.PENDING, Status.SUCCESS, Status.FAILED, Status.SUCCESS)
    for status in statuses:
        if status is Status.PENDING:
            TaskFactory(project=project)
        else:
            ended_task(status, project=project)
    TaskFactory()
    asked: dict[str, Any] = {"ordering": ordering, "page_size": 2}
    link, rows = f"{path(project)}?{urlencode(asked)}", []
    # The whole list, and of it what was asked for.
    while link:
        page = api.get(link).json()
        rows += page["results"]
        link = page["next"]
    assert len(rows) == len(statuses)
    wanted = [row["id"] for row in rows if row["status"] in ("pending", "failed", "success")]
    link, found = f"{path(project)}?{urlencode(asked)}&status=success&status=pending&status=failed", []
    while link:
        page = api.get(link).json()
        found += [row["id"] for row in page["results"]]
        link = page["next"]
    assert found == wanted


def test_bulk_inserted_rows_are_found(api: APIClient, project: Project) -> None:
    ImportTask.objects.bulk_create(
        ImportTask(
            project=project,
            image_url=f"app{n}",
            source_image=f"docker.io/library/app{n}:latest",
            status="success",
        )
        for n in range(120)
    )
    first = api.get(path(project), {"page_size": 50}).json()
    seen = [row["source_image"] for row in first["results"]]
    link = first["next"]
    while link:
        page = api.get(link).json()
        seen += [row["source_image"] for row in page["results"]]
        link = page["next"]
    assert len(seen) == len(set(seen)) == 120
    assert [row["image_url"] for row in api.get(path(project), {"search": "app117"}).json()["results"]] == [
        "app117"
    ]
