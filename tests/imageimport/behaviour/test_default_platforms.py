"""A project's default platforms choose among those that an image has; what has none comes all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imageimport.models import ImportTask, ScheduleRun
from imageimport.schedules import services as schedules
from imageimport.schedules.services import NewSchedule
from imageimport.schedules.work import begin_import
from imageimport.submission import services
from imageimport.submission.planning import make_plan
from imageimport.submission.requests import ImportRequest, prepare
from oci.reference.parser import parse_reference
from projects.models import Project
from stack.sample import Image, index_of
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.content.artifacts import chart, of_types
from tests.support.factories import ProjectFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("target")]
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def project() -> Project:
    return ProjectFactory(platforms=["linux/arm64"])


CHART = chart()


def submit(project: Project, source: ScriptedRegistry, **fields: Any) -> ImportTask:
    request = ImportRequest(image_url=f"{source.server_name}/app/it:1", **fields)
    return services.submit(project=project, user=None, request=request)


@pytest.mark.parametrize(
    "image",
    [
        CHART,
        of_types("application/vnd.wasm.config.v0+json", "application/wasm"),
        of_types(
            "application/vnd.oci.empty.v1+json", "application/vnd.cncf.openpolicyagent.data.layer.v1+json"
        ),
        index_of([CHART]),
    ],
    ids=["chart", "module", "policy", "index"],
)
def test_what_has_no_platform_comes(
    project: Project, source: ScriptedRegistry, work: Work, image: Image
) -> None:
    digest = source.add_image("app/it", "1", image)
    request = ImportRequest(image_url=f"{source.server_name}/app/it:1")
    assert make_plan(project=project, user=None, request=request).plan.source_digest == digest
    submit(project, source)
    (task,) = work()
    assert (task.status, task.error, task.digest) == ("success", "", digest)


def test_a_platform_that_was_asked_for_must_be_there(
    project: Project, source: ScriptedRegistry, work: Work
) -> None:
    source.add_image("app/it", "1", CHART)
    submit(project, source, platforms=["linux/arm64"])
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "not_found")
    assert "doesn't declare a platform" in task.error


def test_among_platforms_the_default_is_chosen_and_must_be_there(
    project: Project, source: ScriptedRegistry, work: Work
) -> None:
    images = [random_image([300], seed=1), random_image([300], seed=2, platform="linux/arm64")]
    source.add_image("app/it", "1", index_of(images))
    submit(project, source)
    (task,) = work()
    assert task.status == "success" and task.platforms == ["linux/arm64"]
    source.add_image("app/it", "1", images[0])
    submit(project, source)
    (task,) = [each for each in work() if each.pk != task.pk]
    assert (task.status, task.error_code) == ("failed", "not_found")


def test_a_retry_and_a_schedule_know_that_no_one_asked(
    project: Project, source: ScriptedRegistry, work: Work
) -> None:
    submit(project, source)
    (failed,) = work()
    assert failed.status == "failed"
    source.add_image("app/it", "1", CHART)
    services.retry(task=failed, user=None)
    assert "success" in {task.status for task in work()}

    kept = schedules.create(
        project=project,
        user=None,
        wanted=NewSchedule(
            image_url=f"{source.server_name}/app/it", tags=["*"], cron="0 3 * * *", target_name="kept"
        ),
    )
    kept = schedules.update(schedule=kept, user=None, changes={"tags": ["1"]})
    run = ScheduleRun.objects.create(schedule=kept)
    assert begin_import(run, parse_reference(kept.image_url), "1").error == {}
    assert work()[-1].status == "success"

    changed = schedules.update(schedule=kept, user=None, changes={"platforms": ["linux/amd64"]})
    assert not changed.platforms_by_default, "a choice"


def test_a_platform_that_the_text_names_is_asked_for(project: Project) -> None:
    request = ImportRequest(image_url="docker pull --platform linux/arm64 ghcr.io/a/b:1")
    assert not prepare(project=project, user=None, request=request).task.platforms_by_default
