"""Search finds every row, however it was written, and treats what is typed as text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection

from imageimport.models import ImportTask
from imageimport.search import TASKS, search
from projects.search import trigrams
from tests.support.factories import ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db


def found(text: str) -> set[str]:
    return set(search(ImportTask.objects.all(), text).values_list("source_image", flat=True))


@pytest.fixture(params=["few", "many"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the index, and past it as a text that is found too often."""
    if request.param == "many":
        monkeypatch.setattr("imageimport.search.TASKS", replace(TASKS, common=0))


@pytest.mark.usefixtures("_both_ways")
def test_a_part_of_source_or_target_is_found_in_any_case() -> None:
    TaskFactory(source_image="ghcr.io/Owner/Zebra:1", target_image="r.test/team/one:1")
    TaskFactory(source_image="docker.io/library/nginx:1", target_image="r.test/team/ZEBRA-copy:1")
    TaskFactory(source_image="docker.io/library/redis:1", target_image="r.test/team/redis:1")
    assert found("zebra") == {"ghcr.io/Owner/Zebra:1", "docker.io/library/nginx:1"}
    assert found("io/library/re") == {"docker.io/library/redis:1"}
    assert found("no such thing") == set()
    assert found("ZE") == {"ghcr.io/Owner/Zebra:1", "docker.io/library/nginx:1"}
    assert found(":1") == {"ghcr.io/Owner/Zebra:1", "docker.io/library/nginx:1", "docker.io/library/redis:1"}
    assert found("q") == found("qj") == set()
    assert found("d") == {"docker.io/library/nginx:1", "docker.io/library/redis:1"}


@pytest.mark.usefixtures("_both_ways")
def test_a_project_finds_its_own_though_others_have_many() -> None:
    mine, other = ProjectFactory(), ProjectFactory()
    TaskFactory(project=mine, source_image="ghcr.io/mine/app:1")
    for number in range(5):
        TaskFactory(project=other, source_image=f"ghcr.io/other/app{number}:1")
    tasks = ImportTask.objects.filter(project=mine)
    assert [task.source_image for task in search(tasks, "ghcr.io", projects=[mine.pk])] == [
        "ghcr.io/mine/app:1"
    ]
    assert not search(tasks, "other", projects=[mine.pk]).exists()


@pytest.mark.parametrize(
    "text", [chr(34), 'x""y', "AND", "images : x", "*", "%", "_", "\\", "'; DROP", "NEAR(a b)"]
)
def test_whatever_is_typed_is_only_text(text: str) -> None:
    TaskFactory(source_image="docker.io/library/nginx:1", target_image="r.test/x/y:1")
    assert found(text) == set()


def test_rows_written_in_bulk_and_changed_later_are_found_and_deleted_ones_not() -> None:
    project = ProjectFactory()
    ImportTask.objects.bulk_create(
        ImportTask(project=project, image_url="x", source_image=f"quay.io/bulk/app{n}:1") for n in range(50)
    )
    assert found("bulk/app37") == {"quay.io/bulk/app37:1"}
    ImportTask.objects.filter(source_image="quay.io/bulk/app37:1").update(source_image="quay.io/moved/app:1")
    assert found("bulk/app37") == set()
    assert found("moved/app") == {"quay.io/moved/app:1"}
    ImportTask.objects.all().delete()
    assert found("quay.io") == set()


def test_the_index_mends_itself_and_takes_in_what_it_missed() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER image_import_search_insert")
    TaskFactory(source_image="ghcr.io/missed/app:1")
    TASKS.ensure()
    TaskFactory(source_image="ghcr.io/caught/app:1")
    assert found("ghcr.io") == {"ghcr.io/missed/app:1", "ghcr.io/caught/app:1"}


def test_an_index_that_was_made_otherwise_is_made_anew() -> None:
    TaskFactory(source_image="ghcr.io/before/app:1")
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER image_import_search_insert")
            cursor.execute(
                "CREATE TRIGGER image_import_search_insert AFTER INSERT ON image_import_tasks BEGIN SELECT 1; END"
            )
    TaskFactory(source_image="ghcr.io/unseen/app:1")
    TASKS.ensure()
    assert found("ghcr.io") == {"ghcr.io/before/app:1", "ghcr.io/unseen/app:1"}


#: PostgreSQL has neither keys of its own nor triggers there.
CHANGES = ["another name", "other keys", "no trigger"][: 3 if connection.vendor == "sqlite" else 1]


@pytest.mark.parametrize("change", CHANGES)
def test_what_another_release_made_of_the_index_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """As between an upgrade and the restart of the web processes."""
    mine = TaskFactory(source_image="ghcr.io/before/app:1")
    with monkeypatch.context() as other, connection.cursor() as cursor:
        if change == "other keys":
            other.setattr(trigrams, "_PLACES", 1 << 41)
            TASKS.ensure()
        elif change == "another name":
            TASKS.drop()
        else:
            cursor.execute("DROP TRIGGER image_import_search_insert")
    later = TaskFactory(source_image="ghcr.io/after/app:1", project=mine.project)
    found = search(ImportTask.objects.all(), "ghcr.io", projects=[mine.project_id])
    assert set(found) == {mine, later}
