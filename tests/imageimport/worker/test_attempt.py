"""One attempt, with a transport that does as it is told: what each way of ending means for the row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from imageimport.choices import Outcome, Status
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.worker import attempt as pipeline
from imageimport.worker import leases, shutdown
from imageimport.worker.transports.base import Job
from oci.copy.image_copier import CopyResult
from oci.copy.image_info import ImageInfo
from oci.errors import OciError
from projects.models import Image
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)
DIGEST = "sha256:" + "c" * 64


class Scripted:
    """Calls ``act(stage, job)`` at each stage."""

    def __init__(self, job: Job, act: Callable[[str, Job], None]) -> None:
        self.job = job
        self.act = act
        self.cleaned = 0

    def login(self) -> None:
        self.act("login", self.job)

    def pull(self) -> None:
        self.act("pull", self.job)

    def tag(self) -> None:
        self.act("tag", self.job)

    def push(self) -> CopyResult:
        self.act("push", self.job)
        self.job.checks.confirm_lease()
        image = ImageInfo(DIGEST, "application/vnd.oci.image.manifest.v1+json", 10, ("linux/amd64",))
        return CopyResult(image, DIGEST)

    def cleanup(self) -> None:
        self.cleaned += 1


@pytest.fixture
def attempt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ImportTask]:
    made: list[Scripted] = []

    def run(act: Callable[[str, Job], None] = lambda stage, job: None, **values: Any) -> ImportTask:
        def open_transport(job: Job) -> Scripted:
            made.append(Scripted(job, act))
            return made[-1]

        monkeypatch.setattr(pipeline, "open_transport", open_transport)
        task = ImportTask.objects.filter(status=Status.PENDING).first() or TaskFactory(**values)
        ImportTask.objects.update(not_before=None)
        lease = leases.claim(worker="test:1")
        assert lease is not None
        pipeline.run(lease)
        assert made[-1].cleaned >= 1
        task.refresh_from_db()
        return task

    return run


def failing(code: str, **options: Any) -> Callable[[str, Job], None]:
    def act(stage: str, job: Job) -> None:
        if stage == "pull":
            raise OciError(code, "%(host)s failed.", host="ghcr.io", **options)

    return act


def test_success_records_the_digest_the_image_and_the_history(attempt: Callable[..., ImportTask]) -> None:
    task = attempt()
    assert (task.status, task.stage, task.progress, task.digest) == ("success", "done", 100, DIGEST)
    image = Image.objects.get(project=task.project)
    assert (image.repository, image.tag, image.digest, image.platforms) == (
        task.target_name,
        task.target_tag,
        DIGEST,
        ["linux/amd64"],
    )
    assert task.history.get().outcome == Outcome.SUCCESS


@pytest.mark.parametrize("code", ["not_found", "unauthorized", "forbidden", "digest_mismatch", "tag_exists"])
def test_a_final_failure_ends_it_with_code_and_sentence(
    attempt: Callable[..., ImportTask], code: str
) -> None:
    task = attempt(failing(code))
    assert (task.status, task.error_code, task.error, task.attempts) == ("failed", code, "ghcr.io failed.", 1)
    assert not Image.objects.exists()


def test_a_passing_failure_is_tried_again_and_then_ends(
    attempt: Callable[..., ImportTask], settings: Any
) -> None:
    settings.IMPORT_MAX_ATTEMPTS = 2
    task = attempt(failing("source_error", retryable=True))
    assert (task.status, task.attempts) == ("pending", 1)
    task = attempt(failing("source_error", retryable=True))
    assert (task.status, task.error_code, task.attempts) == ("failed", "source_error", 2)
    assert list(task.history.values_list("attempt", "outcome", "error_code")) == [
        (1, "failed", "source_error"),
        (2, "failed", "source_error"),
    ]


def test_a_long_rate_limit_frees_the_worker_and_burns_no_attempt(attempt: Callable[..., ImportTask]) -> None:
    task = attempt(failing("rate_limited", retryable=True, retry_after=600))
    assert (task.status, task.attempts, task.error_code) == ("pending", 0, "")
    assert task.not_before is not None
    assert task.message == "ghcr.io failed."


def test_a_rate_limit_beyond_six_hours_is_a_failure(attempt: Callable[..., ImportTask]) -> None:
    task = attempt(failing("rate_limited", retry_after=7 * 3600))
    assert (task.status, task.error_code) == ("failed", "rate_limited")


def test_a_rate_limit_that_goes_on_after_the_longest_wait_is_asked_no_more(
    attempt: Callable[..., ImportTask],
) -> None:
    limited = failing("rate_limited", retryable=True, retry_after=6 * 3600)
    task = attempt(limited)
    assert task.status == "pending" and task.not_before is not None
    assert 6 * 3600 - 60 < (task.not_before - timezone.now()).total_seconds() < 6 * 3600 + 60
    ImportTask.objects.update(waiting_since=F("waiting_since") - timedelta(hours=6))
    task = attempt(limited)
    assert (task.status, task.error_code) == ("failed", "rate_limited")
    assert task.history.count() == 2


def test_something_unforeseen_is_an_internal_error_with_an_id_and_no_traceback(
    attempt: Callable[..., ImportTask],
) -> None:
    def act(stage: str, job: Job) -> None:
        raise ZeroDivisionError("secret detail")

    task = attempt(act)
    assert (task.status, task.error_code) == ("failed", "internal_error")
    assert "secret detail" not in task.error
    assert "Traceback" not in task.error


def test_a_cancel_is_seen_inside_a_stage(attempt: Callable[..., ImportTask]) -> None:
    def act(stage: str, job: Job) -> None:
        if stage == "pull":
            services.cancel(task=job.task)
            job.cancel.wait(60)
            raise AssertionError("not canceled in time")

    assert attempt(act).status == "canceled"


def test_a_stopping_worker_hands_back(attempt: Callable[..., ImportTask]) -> None:
    def act(stage: str, job: Job) -> None:
        if stage == "pull":
            shutdown.stop()
            job.cancel.wait(60)
            raise AssertionError("not stopped in time")

    try:
        task = attempt(act)
    finally:
        shutdown.reset()
    assert (task.status, task.attempts) == ("pending", 0)
    assert task.history.get().outcome == Outcome.HANDED_BACK


def test_a_late_attempt_puts_no_tag_and_changes_nothing(attempt: Callable[..., ImportTask]) -> None:
    pushed = []

    def act(stage: str, job: Job) -> None:
        if stage == "push":
            ImportTask.objects.filter(pk=job.task.pk).update(fence=7)
            pushed.append(stage)

    task = attempt(act)
    assert pushed
    assert (task.status, task.fence, task.digest) == ("running", 7, "")


def test_the_hard_limit_ends_it(attempt: Callable[..., ImportTask], settings: Any) -> None:
    settings.IMPORT_TIMEOUT_SECONDS = 1

    def act(stage: str, job: Job) -> None:
        job.cancel.wait(60)

    task = attempt(act)
    assert (task.status, task.error_code) == ("failed", "timeout")


def test_a_deleted_saved_credential_is_never_replaced_by_nobody(attempt: Callable[..., ImportTask]) -> None:
    task = TaskFactory(credential_required=True)
    lease = leases.claim(worker="test:1")
    assert lease is not None
    pipeline.run(lease)
    task.refresh_from_db()
    assert (task.status, task.error_code) == ("failed", "unauthorized")


def test_credentials_that_no_key_opens_fail_clearly(settings: Any) -> None:
    task = TaskFactory(username="me", password="hunter22")
    settings.CRYPTOGRAPHY_KEYS = ["A" * 43 + "="]
    lease = leases.claim(worker="test:1")
    assert lease is not None
    pipeline.run(lease)
    task.refresh_from_db()
    assert (task.status, task.error_code) == ("failed", "credential_unreadable")
