"""Rules over images of uploaded files, which have two names: the source that the file names, and ``bundle/<name>``."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.exceptions import ApplicationError
from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask, PolicyRule
from imageimport.policy.signatures import required_for
from imageimport.registries import archives
from imageimport.requests import looking, services
from imageimport.submission import services as imports
from imageimport.worker import shutdown
from oci.errors import OciError
from projects import places
from projects.models import Project
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.uploading import INDEX, ONE, project, start, upload
from tests.support.content.archives import layout

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)

FILE = layout({"web:1": ONE, "all:2": INDEX}, sources={"web:1": "docker.io/library/nginx:1.27"})


def rule(project: Project, action: str, *sources: str) -> None:
    PolicyRule.objects.create(project=project, name="R", action=action, sources=list(sources))


@pytest.mark.parametrize(
    ("pattern", "refused"),
    [("docker.io/library/nginx", "0"), ("bundle/all", "1"), ("bundle/web", "0"), ("quay.io/*", "")],
)
def test_a_rule_meets_the_source_that_the_file_names_and_its_own_name(
    api: APIClient, project: Project, pattern: str, refused: str
) -> None:
    rule(project, "refuse", pattern)
    answer = start(api, project, upload(project, FILE), images=["web:1", "all:2"])
    if refused:
        assert (answer.status_code, list(answer.json()["images"])) == (400, [refused])
        assert not ImportTask.objects.exists()
    else:
        assert answer.status_code == 202


def test_a_file_cannot_claim_its_way_past_the_rules_for_files(api: APIClient, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(default_action="refuse")
    rule(project, "allow", "docker.io/library/*")
    made = upload(project, FILE)

    def begun(prefix: str) -> Any:
        return start(api, project, made, images=["web:1"], target_prefix=prefix)

    refused = begun("a")
    assert (refused.status_code, list(refused.json()["images"])) == (400, ["0"])
    files = PolicyRule.objects.create(project=project, name="F", action="approve", sources=["bundle/*"])
    assert begun("b").json()["counts"]["requested"] == 1
    PolicyRule.objects.filter(pk=files.pk).update(action="allow")
    assert begun("c").json()["counts"]["pending"] == 1
    PolicyRule.objects.exclude(pk=files.pk).delete()
    assert begun("d").status_code == 400, "what it claims has to be allowed as well"


def test_a_signature_that_a_rule_for_files_requires_is_asked_for_whatever_a_file_claims(
    api: APIClient, project: Project
) -> None:
    signers = {"signed_by": ["00000000-0000-7000-8000-000000000001"]}
    PolicyRule.objects.create(
        project=project, name="S", action="allow", sources=["bundle/*"], requires=signers
    )
    start(api, project, upload(project, FILE), images=["web:1"])
    assert required_for(ImportTask.objects.get()) == (frozenset(signers["signed_by"]),)


def test_an_image_of_a_file_is_seen_approved_and_imported_like_any_other(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> None:
    rule(project, "approve")
    assert start(api, project, upload(project, FILE), images=["web:1"]).json()["counts"]["requested"] == 1
    assert looking.look_due() == 1
    task = ImportTask.objects.select_related("project", "requested_by").get()
    assert (task.source_image, task.source_digest) == ("docker.io/library/nginx:1.27", ONE.digest)
    user: Any = task.requested_by
    services.approve(task=task, user=user)
    assert [each.status for each in work()] == [Status.SUCCESS]
    assert "1" in target.repository(f"{project.name}/web").manifests


def test_an_image_whose_named_source_has_a_digest_is_approved_for_the_one_it_has_in_the_file(
    api: APIClient, project: Project, target: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> None:
    rule(project, "approve")
    file = layout({"web:1": ONE}, sources={"web:1": f"docker.io/library/nginx@{INDEX.digest}"})
    start(api, project, upload(project, file), images=["web:1"])
    assert looking.look_due() == 1
    task = ImportTask.objects.select_related("project", "requested_by").get()
    assert (task.status, task.source_digest) == (Status.REQUESTED, ONE.digest)
    user: Any = task.requested_by
    services.approve(task=task, user=user)
    assert [each.status for each in work()] == [Status.SUCCESS]


@pytest.fixture
def slow(api: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch) -> ImportTask:
    """A request for an image of a file that is read for longer than a source is waited for."""
    opened = archives.open_archive

    def read_through(uploads: Any, *, tick: Callable[[], None]) -> Any:
        ends = time.monotonic() + 0.6
        while time.monotonic() < ends:
            tick()
            time.sleep(0.01)
        left = ApprovalRequest.objects.get().look_at
        assert left is None or left > timezone.now() + dt.timedelta(seconds=looking.UPLOAD_SECONDS)
        return opened(uploads, tick=tick)

    rule(project, "approve")
    start(api, project, upload(project, FILE), images=["web:1"])
    monkeypatch.setattr(archives, "open_archive", read_through)
    monkeypatch.setattr(looking, "LOOK_SECONDS", 0.2)
    return ImportTask.objects.select_related("project", "requested_by").get()


def test_a_worker_reads_a_large_file_for_as_long_as_that_takes_and_keeps_its_claim(slow: ImportTask) -> None:
    assert looking.look_due() == 1
    slow.refresh_from_db()
    assert slow.source_digest == ONE.digest


def test_a_file_that_takes_too_long_is_told_and_looked_at_again(
    slow: ImportTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    user: Any = slow.requested_by
    with pytest.raises(OciError) as late:
        services.approve(task=slow, user=user)
    assert late.value.code == "timeout"
    monkeypatch.setattr(looking, "UPLOAD_SECONDS", 0.2)
    looking.look_due()
    found = ApprovalRequest.objects.get()
    assert found.error == "The uploaded files could not be read within 0 seconds."
    assert (found.task.status, found.looks) == (Status.REQUESTED, 1)


def test_a_worker_that_is_told_to_stop_leaves_the_look_to_another(
    slow: ImportTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False])
    monkeypatch.setattr(shutdown, "requested", lambda: next(answers, True))
    assert looking.look_due() == 1
    found = ApprovalRequest.objects.get()
    assert found.look_at is not None and found.look_at <= timezone.now()
    assert (found.error, found.looks) == ("", 0)


def test_an_approval_that_has_to_look_takes_a_place_like_other_questions(
    slow: ImportTask, settings: Any
) -> None:
    user: Any = slow.requested_by
    with ExitStack() as stack:
        for _ in range(places.PER_USER):
            stack.enter_context(places.asking_others(user, seconds=60))
        with pytest.raises(ApplicationError) as refused:
            services.approve(task=slow, user=user)
    assert refused.value.code == "throttled"


def test_a_retry_is_judged_by_the_same_source(api: APIClient, project: Project) -> None:
    start(api, project, upload(project, FILE), images=["web:1"])
    task = ImportTask.objects.get()
    imports.cancel(task=task)
    task.refresh_from_db()
    again = imports.retry(task=task, user=task.requested_by)
    assert (again.source_image, again.uploads) == (task.source_image, task.uploads)
