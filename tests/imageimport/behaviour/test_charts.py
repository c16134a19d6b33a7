"""Charts of Helm repositories, imported and kept in step as images are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.choices import Action
from imageimport.models import ImportTask
from imageimport.policy import services as policy
from imageimport.schedules import services as schedules
from imageimport.schedules.services import NewSchedule
from imageimport.sources.trying import try_out
from imageimport.submission import services
from imageimport.submission.planning import make_plan
from imageimport.submission.requests import ImportRequest
from imageimport.submission.source_tags import offered_tags
from oci.charts.package import LAYER_TYPE
from oci.spec.digest import digest_of
from oci.spec.media_types import HELM_CONFIG
from projects.models import Image, Project
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.schedules.runs import counts, results, run
from tests.support.content.charts import ChartServer
from tests.support.factories import CredentialFactory, ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def charts(settings: Any) -> Iterator[ChartServer]:
    """A Helm repository on loopback that imports may read."""
    with ChartServer() as server:
        settings.IMPORT_PRIVATE_SOURCES = [server.server_name]
        settings.IMPORT_INSECURE_SOURCES = [server.server_name]
        settings.OWN_ENDPOINTS = []
        yield server


@pytest.fixture
def project(target: ScriptedRegistry) -> Project:
    return ProjectFactory(platforms=["linux/arm64"])


def submit(project: Project, image_url: str, **fields: Any) -> ImportTask:
    return services.submit(project=project, user=None, request=ImportRequest(image_url=image_url, **fields))


def test_a_chart_becomes_an_artifact_with_the_same_digest_each_time(
    project: Project, target: ScriptedRegistry, charts: ChartServer, work: Work
) -> None:
    data = charts.add(version="6.5.0+build.1")
    image_url = f"{charts.image}podinfo:6.5.0+build.1"
    plan = make_plan(project=project, user=None, request=ImportRequest(image_url=image_url))
    submit(project, image_url)
    (task,) = work()
    assert (task.status, task.error) == ("success", "")
    assert (task.target_name, task.target_tag) == ("podinfo", "6.5.0_build.1")
    assert task.digest == task.source_digest == plan.plan.source_digest
    held = target.repository(f"{project.name}/podinfo")
    said = json.loads(held.manifests["6.5.0_build.1"][1])
    assert said["config"]["mediaType"] == HELM_CONFIG
    (layer,) = said["layers"]
    assert (layer["mediaType"], layer["digest"]) == (LAYER_TYPE, digest_of(data))
    assert held.blobs[layer["digest"]] == data
    assert json.loads(held.blobs[said["config"]["digest"]])["version"] == "6.5.0+build.1"
    image = Image.objects.get(project=project)
    assert image.source_image == f"helm+https://{charts.server_name}/charts/podinfo:6.5.0_build.1"

    submit(project, image_url)
    assert work()[-1].digest == task.digest
    submit(
        ProjectFactory(),
        f"helm pull podinfo --repo http://{charts.server_name}/charts --version 6.5.0+build.1",
    )
    assert work()[-1].digest == task.digest


def test_a_schedule_brings_new_versions_and_leaves_the_others(
    project: Project, charts: ChartServer, target: ScriptedRegistry, work: Work
) -> None:
    """In a project with default platforms, which charts don't have."""
    assert project.platforms
    for version in ("1.0.0", "1.1.0"):
        charts.add(version=version)
    kept = schedules.create(
        project=project,
        user=None,
        wanted=NewSchedule(image_url=f"{charts.image}podinfo", tags=["semver:>=1"], cron="0 3 * * *"),
    )
    made = run(kept, work)
    assert results(made) == {"1.1.0": "new", "1.0.0": "new"}
    assert counts(kept) == {"checked": 2, "imported": 2, "unchanged": 0, "failed": 0}
    targets = {task.target_image.rpartition("/")[2] for task in ImportTask.objects.all()}
    assert targets == {"podinfo:1.0.0", "podinfo:1.1.0"}
    before = len(charts.fetched())
    assert run(kept, work).unchanged == 2
    assert len(charts.fetched()) == before, "by the index alone"
    charts.add(version="1.2.0")
    charts.entries["podinfo"] = [each for each in charts.entries["podinfo"] if each["version"] != "1.0.0"]
    assert results(run(kept, work)) == {"1.2.0": "new"}
    assert kept.gone == ["1.0.0"]


def test_a_saved_credential_of_its_host_opens_it(project: Project, charts: ChartServer, work: Work) -> None:
    charts.account = ("ada", "chart-secret")
    charts.add()
    submit(project, f"{charts.image}podinfo:6.5.0")
    (refused,) = work()
    assert (refused.status, refused.error_code) == ("failed", "unauthorized")
    saved = CredentialFactory(
        project=project, registry=charts.server_name, username="ada", password="chart-secret"
    )
    submit(project, f"{charts.image}podinfo:6.5.0", credential=saved)
    assert work()[-1].status == "success"


def test_what_is_not_there_says_so(project: Project, charts: ChartServer, work: Work) -> None:
    charts.add()
    submit(project, f"{charts.image}podinfo:9.9.9")
    submit(project, f"{charts.image}other:1.0.0")
    assert [(task.status, task.error_code) for task in work()] == [("failed", "not_found")] * 2


def test_versions_are_offered_and_the_way_can_be_tried(project: Project, charts: ChartServer) -> None:
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        charts.add(version=version)
    request = ImportRequest(image_url=f"{charts.image}podinfo")
    assert offered_tags(project=project, user=None, request=request).tags == ("1.10.0", "1.9.0", "1.0.0")
    tried = try_out(image_url=f"{charts.image}podinfo:1.9.0", user=None)
    assert tried.reached and tried.digest.startswith("sha256:")


def test_rules_judge_it_by_its_host_and_path(project: Project, charts: ChartServer) -> None:
    charts.add()

    def refuse(path: str) -> None:
        patterns = [f"{charts.server_name}/{path}/*"]
        policy.create(project=project, user=None, name=path, action=Action.REFUSE, sources=patterns)

    refuse("other")
    assert submit(project, f"{charts.image}podinfo:6.5.0").status == "pending"
    refuse("charts")
    with pytest.raises(ApplicationError) as refused:
        submit(project, f"{charts.image}podinfo:6.5.1")
    assert (refused.value.code, refused.value.facts["rule"]["name"]) == ("refused_by_rule", "charts")


def test_docker_engine_brings_no_charts(project: Project, charts: ChartServer, settings: Any) -> None:
    settings.IMPORT_DOCKER_ENABLED, settings.IMPORT_TRANSPORT = True, "docker"
    assert submit(project, f"{charts.image}podinfo:6.5.0").transport == "registry"
    with pytest.raises(FieldErrors, match="imports no charts"):
        submit(project, f"{charts.image}podinfo:6.5.1", transport="docker")


def test_a_host_that_is_reached_through_mirrors_only_is_not_asked(
    project: Project, charts: ChartServer, work: Work, settings: Any
) -> None:
    charts.add()
    settings.IMPORT_MIRRORS_ONLY = [charts.server_name]
    submit(project, f"{charts.image}podinfo:6.5.0")
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "unreachable")
    assert charts.requests == []
