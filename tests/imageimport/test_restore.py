"""Going back to an earlier digest of a tag."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imageimport import restore, timeline
from imageimport.exceptions import Refused
from imageimport.models import ImportTask, Schedule
from imageimport.schedules import services as schedules
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import AuditEvent, Image, Project, Role
from stack.sample import random_image
from tests.support.factories import TaskFactory, member
from tests.support.scripted_registry import ScriptedRegistry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def moved(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> tuple[Image, str, str]:
    """An image whose tag named two digests, the older first."""
    user, project = member(Role.MAINTAINER)
    project.created_by = user
    project.save()
    digests = []
    for seed in (1, 2):
        digests.append(source.add_image("app/web", "latest", random_image([500], seed=seed)))
        url = f"{source.server_name}/app/web:latest"
        services.submit(project=project, user=user, request=ImportRequest(url))
        work()
    return Image.objects.get(), digests[0], digests[1]


def go_back(image: Image, digest: str) -> Image:
    return restore.restore(image=image, digest=digest, user=image.project.created_by)


def names(target: ScriptedRegistry, project: Project) -> bytes:
    return target.repository(f"{project.name}/app/web").manifests["latest"][1]


def test_the_timeline_has_each_digest_once_newest_first(moved: tuple[Image, str, str]) -> None:
    image, old, new = moved
    assert [row.digest for row in timeline.of_image(image)] == [new, old]
    assert all(row.source_digest == row.digest and row.task for row in timeline.of_image(image))


def test_the_tag_names_the_earlier_digest_again(
    moved: tuple[Image, str, str], target: ScriptedRegistry
) -> None:
    image, old, new = moved
    restored = go_back(image, old)
    assert (restored.pk, restored.digest) == (image.pk, old)
    assert restored.size > 500
    held = target.repository(f"{image.project.name}/app/web").manifests
    assert held["latest"] == held[old]
    assert new in held, "nothing is deleted"
    assert [row.digest for row in timeline.of_image(image)] == [old, new, old]
    event = AuditEvent.objects.get(action="image.restored")
    assert event.detail == {"digest": old, "was": new}


def test_a_digest_that_the_registry_dropped_can_not_come_back(
    moved: tuple[Image, str, str], target: ScriptedRegistry
) -> None:
    image, old, _new = moved
    held = target.repository(f"{image.project.name}/app/web")
    before = held.manifests["latest"]
    kept = held.manifests.pop(old)
    with pytest.raises(Refused) as refused:
        go_back(image, old)
    assert refused.value.code == "digest_gone"
    held.manifests[old] = kept
    held.blobs.clear()
    with pytest.raises(Refused) as refused:
        go_back(image, old)
    assert refused.value.code == "digest_gone"
    assert held.manifests["latest"] == before


def test_a_digest_that_the_tag_never_named_is_refused(
    moved: tuple[Image, str, str], target: ScriptedRegistry
) -> None:
    image, _old, _new = moved
    other = target.add_image(f"{image.project.name}/app/web", "other", random_image([10], seed=3))
    with pytest.raises(Refused) as refused:
        go_back(image, other)
    assert refused.value.code == "not_in_timeline"


def test_while_an_import_writes_the_tag_it_is_the_imports(moved: tuple[Image, str, str]) -> None:
    image, old, _new = moved
    task = TaskFactory(project=image.project, target_name=image.repository, target_tag=image.tag)
    with pytest.raises(Refused) as refused:
        go_back(image, old)
    assert (refused.value.code, refused.value.extra) == ("target_busy", {"task": str(task.pk)})


def test_a_schedule_respects_it_until_the_source_moves_on(
    moved: tuple[Image, str, str], source: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> None:
    image, old, _new = moved
    go_back(image, old)
    user = image.project.created_by
    assert user is not None
    url = f"{source.server_name}/app/web"
    schedule = schedules.create(
        project=image.project, user=user, image_url=url, tags=["latest"], cron="0 3 * * *"
    )
    assert _run(schedule, work) == {"checked": 1, "imported": 0, "unchanged": 1, "failed": 0}
    image.refresh_from_db()
    assert image.digest == old
    third = source.add_image("app/web", "latest", random_image([500], seed=3))
    assert _run(schedule, work) == {"checked": 1, "imported": 1, "unchanged": 0, "failed": 0}
    image.refresh_from_db()
    assert image.digest == third


def _run(schedule: Schedule, work: Callable[[], list[ImportTask]]) -> dict[str, int] | None:
    assert schedule.created_by is not None
    schedules.run_now(schedule=schedule, user=schedule.created_by)
    schedules.run_due()
    work()
    schedule.refresh_from_db()
    found: dict[str, int] | None = schedule.last_result
    return found
