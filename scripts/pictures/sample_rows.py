"""Rows that show every state a page can be in: for the pictures, and for the tests that look at whole pages.

Run inside Django: ``fill()`` makes them once, in an empty database.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.caller import acting_as
from imageimport.choices import Outcome, Status, WebhookEvent
from imageimport.messages import english, parts
from imageimport.models import (
    Credential,
    ImportAttempt,
    ImportBatch,
    ImportLayer,
    ImportTask,
    Schedule,
    ScheduleRun,
    TagDigest,
    Webhook,
    WebhookDelivery,
)
from oci.egress.door import NO_PUBLIC
from oci.registry.faults import RATE_LIMITED
from projects import audit
from projects.models import DigestSubscription, Image, Membership, Project, Robot, Role
from scripts.pictures import (
    sample_bundles,
    sample_clean_up,
    sample_clusters,
    sample_policy,
    sample_scans,
    sample_sources,
    sample_trust,
    sample_uploads,
)
from scripts.pictures.sample_pages import PASSWORD

_random = random.Random(7)
_MIB = 1024 * 1024

_IMAGES = (
    ("nginx", "1.27-alpine", ("linux/amd64", "linux/arm64", "linux/arm/v7"), 51, 1),
    ("redis", "7.4", ("linux/amd64", "linux/arm64"), 115, 5),
    ("prometheus/prometheus", "v2.54.1", ("linux/amd64",), 258, 40),
    ("pause", "3.9", ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/s390x"), 3, 300),
    (
        "platform/ingress/controller-with-a-long-name",
        "release-2026.11.24-build.1234567",
        ("linux/amd64",),
        1900,
        900,
    ),
)


def digest() -> str:
    return "sha256:" + "".join(_random.choice("0123456789abcdef") for _ in range(64))


def fill() -> Project:
    """Users ``ada`` (owner), ``mei``, ``lars``, and ``noor``, a stranger with a second factor; projects ``library``
    with everything, ``payments``, ``fresh``."""
    ada = User.objects.create_superuser("ada", "ada@example.com", PASSWORD)
    mei, lars, noor = (
        User.objects.create_user(name, f"{name}@example.com", PASSWORD) for name in ("mei", "lars", "noor")
    )
    _second_factor(noor)
    library = _project("library", "Base images for everybody", "public", [ada, mei, lars])
    _project("payments", "Payment services and their sidecars", "private", [ada, mei, lars])
    _project("data-platform", "Spark, Trino, Airflow and friends", "private", [ada, mei, lars])
    _project("fresh", "", "private", [ada, mei, lars])
    _images(library)
    _imports_now(library, mei)
    _history(library, [ada, mei, lars])
    _batch(library, mei)
    _schedule(library, mei)
    _settings(library, ada)
    sample_clusters.fill(library, ada)
    sample_bundles.fill(library, mei)
    sample_sources.fill()
    sample_trust.fill(library)
    sample_scans.fill(library)
    sample_policy.fill(library, lars, make_task, digest)
    sample_clean_up.fill(library, ada)
    sample_uploads.fill(library, mei)
    return library


def _second_factor(user: User) -> None:
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(user)


def _project(name: str, description: str, visibility: str, people: list[User]) -> Project:
    ada, mei, lars = people
    made = Project.objects.create(name=name, description=description, visibility=visibility, created_by=ada)
    for user, role in ((ada, Role.OWNER), (mei, Role.MAINTAINER), (lars, Role.DEVELOPER)):
        Membership.objects.create(project=made, user=user, role=role)
    with acting_as(ada):
        audit.record("project.created", made)
    return made


def _images(project: Project) -> None:
    now = timezone.now()
    for repository, tag, platforms, size, hours in _IMAGES:
        children = [
            {"platform": name, "digest": digest(), "size": size * _MIB // len(platforms)}
            for name in platforms
        ]
        image = Image.objects.create(
            project=project,
            repository=repository,
            tag=tag,
            digest=digest(),
            media_type="application/vnd.oci.image.index.v1+json",
            size=size * _MIB,
            platforms=list(platforms),
            children=children if len(platforms) > 1 else [],
            source_image=f"docker.io/library/{repository}:{tag}",
            updated_at=now - dt.timedelta(hours=hours),
        )
        for days, named in ((30, digest()), (0, image.digest)):
            TagDigest.objects.create(
                project=project,
                repository=repository,
                tag=tag,
                digest=named,
                at=image.updated_at - dt.timedelta(days=days),
            )


def make_task(
    project: Project, status: Status, name: str, source: str, *, message: Any = None, **values: Any
) -> ImportTask:
    """An import; ``message`` is its message as (template, parameters)."""
    name, _colon, tag = name.partition(":")
    task = ImportTask(
        project=project,
        image_url=source,
        source_image=source,
        source_registry=source.split("/", 1)[0],
        target_name=name,
        target_tag=tag,
        target_image=f"{settings.REGISTRY_PUBLIC_HOST}/{project.name}/{name}:{tag}",
        status=status,
        **values,
    )
    if message:
        task.message_parts = parts(*message)
        task.message = english(task.message_parts)
    task.save()
    return task


def _imports_now(project: Project, user: User) -> None:
    now = timezone.now()
    moving = make_task(
        project,
        Status.RUNNING,
        "grafana/grafana:11.2.0",
        "docker.io/grafana/grafana:11.2.0",
        message=("Pulling the image",),
        requested_by=user,
        stage="pull",
        progress=44,
        bytes_total=174 * _MIB,
        bytes_done=81 * _MIB,
        bytes_reused=12 * _MIB,
        rate=7_800_000,
        eta_seconds=13,
        attempts=1,
        started_at=now - dt.timedelta(seconds=20),
        lease_expires_at=now + dt.timedelta(days=1),
    )
    states = [
        (12, "exists", 12, ""),
        (56, "done", 56, ""),
        (86, "copying", 12, ""),
        (19, "waiting", 0, "application/spdx+json"),
        (1, "mounted", 1, "application/vnd.oci.image.config.v1+json"),
    ]
    for position, (size, state, done, media_type) in enumerate(states):
        ImportLayer.objects.create(
            task=moving,
            position=position,
            digest=digest(),
            size=size * _MIB,
            bytes_done=done * _MIB,
            state=state,
            media_type=media_type,
        )
    _attempt(moving, Outcome.RUNNING, now - dt.timedelta(seconds=20), None)
    make_task(
        project,
        Status.PENDING,
        "postgres:16",
        "docker.io/library/postgres:16",
        message=(RATE_LIMITED, {"host": "docker.io", "time": f"{now + dt.timedelta(minutes=15):%Y-%m-%d %H:%M} UTC"}),
        requested_by=user,
        not_before=now + dt.timedelta(minutes=15),
    )  # fmt: skip
    failed = make_task(
        project,
        Status.FAILED,
        "owner/private-service:v1.4.0",
        "ghcr.io/owner/private-service:v1.4.0",
        message=("The import failed.",),
        requested_by=user,
        stage="login",
        progress=20,
        attempts=1,
        error_code="unauthorized",
        error_parts=parts(
            "%(host)s rejected the username or password%(detail)s",
            {"host": "ghcr.io", "detail": ": authentication required"},
        ),
        error="ghcr.io rejected the username or password: authentication required",
        started_at=now - dt.timedelta(minutes=4),
        completed_at=now - dt.timedelta(minutes=3),
    )
    _attempt(failed, Outcome.FAILED, now - dt.timedelta(minutes=4), now - dt.timedelta(minutes=3), failed)
    make_task(
        project,
        Status.SUCCESS,
        "busybox:1.36",
        "docker.io/library/busybox:1.36",
        message=("Done",),
        requested_by=user,
        stage="done",
        progress=100,
        attempts=1,
        bytes_total=4 * _MIB,
        bytes_done=4 * _MIB,
        digest=digest(),
        started_at=now - dt.timedelta(seconds=9),
        completed_at=now,
    )


def _attempt(
    task: ImportTask,
    outcome: Outcome,
    start: dt.datetime,
    end: dt.datetime | None,
    error: ImportTask | None = None,
) -> None:
    ImportAttempt.objects.create(
        task=task,
        attempt=1,
        fence=1,
        outcome=outcome,
        started_at=start,
        ended_at=end,
        error=error.error if error else "",
        error_code=error.error_code if error else "",
        error_parts=error.error_parts if error else {},
    )


def _history(project: Project, users: list[User]) -> None:
    now = timezone.now()
    outcomes = [Status.SUCCESS] * 6 + [Status.FAILED, Status.CANCELED]
    rows = []
    for number in range(60):
        at, status = now - dt.timedelta(hours=number * 3 + 1), _random.choice(outcomes)
        error = parts(NO_PUBLIC, {"host": "registry.example.com"})
        rows.append(
            ImportTask(
                project=project,
                requested_by=_random.choice(users),
                image_url="typed",
                source_image=f"quay.io/team/app-{number % 9}:{number}",
                target_name=f"team/app-{number % 9}",
                target_tag=str(number),
                target_image=f"{settings.REGISTRY_PUBLIC_HOST}/{project.name}/team/app-{number % 9}:{number}",
                status=status,
                created_at=at,
                completed_at=at,
                dismissed_at=now,
                bytes_total=_random.randint(10**6, 10**9),
                error=english(error) if status == Status.FAILED else "",
                error_parts=error if status == Status.FAILED else {},
                error_code="unreachable" if status == Status.FAILED else "",
            )
        )
    ImportTask.objects.bulk_create(rows)
    for days, image in ((0, "nginx:1.27-alpine"), (30, "nginx:1.27-alpine")):
        at = now - dt.timedelta(days=days, hours=1)
        make_task(
            project,
            Status.SUCCESS,
            image,
            f"docker.io/library/{image}",
            message=("Done",),
            requested_by=users[1],
            created_at=at,
            completed_at=at,
            dismissed_at=now,
            bytes_total=51 * _MIB,
            bytes_done=51 * _MIB,
        )


def _batch(project: Project, user: User) -> None:
    batch = ImportBatch.objects.create(project=project, name="Cluster add-ons 1.31", requested_by=user)
    now = timezone.now()
    states = [Status.SUCCESS] * 5 + [Status.FAILED] + [Status.CANCELED]
    for number, status in enumerate(states):
        make_task(
            project,
            status,
            f"k8s/addon-{number}:v1.31",
            f"registry.k8s.io/addon-{number}:v1.31",
            requested_by=user,
            batch=batch,
            batch_index=number,
            created_at=now - dt.timedelta(hours=2),
            completed_at=now - dt.timedelta(hours=1),
            dismissed_at=now,
            bytes_total=20 * _MIB,
            bytes_done=20 * _MIB if status == Status.SUCCESS else 0,
            error_parts=parts(NO_PUBLIC, {"host": "registry.k8s.io"}) if status == Status.FAILED else {},
        )
    ImportBatch.objects.filter(pk=batch.pk).update(completed_at=now)


def _schedule(project: Project, user: User) -> None:
    now = timezone.now()
    schedule = Schedule.objects.create(
        project=project,
        image_url="docker.io/library/redis",
        tags=["7.*", "semver:>=7.2 <8"],
        exclude_tags=["*-rc*"],
        cron="0 3 * * *",
        timezone="Asia/Shanghai",
        next_run_at=now + dt.timedelta(hours=9),
        last_run_at=now - dt.timedelta(hours=15),
        last_result={"checked": 12, "imported": 2, "unchanged": 9, "failed": 1},
        created_by=user,
    )
    Schedule.objects.create(
        project=project, image_url="registry.k8s.io/pause", tags=["3.*"], cron="0 */6 * * *", enabled=False
    )
    for days in range(3):
        start = now - dt.timedelta(days=days, hours=15)
        ScheduleRun.objects.create(
            schedule=schedule,
            started_at=start,
            ended_at=start + dt.timedelta(minutes=2),
            checked=12,
            new=1,
            moved=1,
            unchanged=9,
            failed=1,
            items=[
                {
                    "tag": "7.4.1",
                    "digest": digest(),
                    "was": None,
                    "result": "new",
                    "task": None,
                    "error": None,
                },
                {
                    "tag": "7.2",
                    "digest": digest(),
                    "was": digest(),
                    "result": "moved",
                    "task": None,
                    "error": None,
                },
            ],
        )


def _settings(project: Project, user: User) -> None:
    Credential.objects.create(
        project=project,
        name="GitHub packages",
        registry="ghcr.io",
        username="acme-ci",
        password="x" * 8,
        created_by=user,
    )
    DigestSubscription.objects.create(
        project=project, user=user, due_at=timezone.now() + dt.timedelta(days=2)
    )
    hook = Webhook.objects.create(
        project=project,
        url="https://chat.example.com/hooks/registry",
        secret="x" * 8,
        events=list(WebhookEvent.values),
    )
    for state, status in (("delivered", 200), ("failed", 503)):
        WebhookDelivery.objects.create(
            webhook=hook,
            event=WebhookEvent.IMPORT_SUCCEEDED,
            state=state,
            attempts=1,
            response_status=status,
            duration_ms=143,
            error="" if status == 200 else "The receiver answered 503.",
            error_parts={}
            if status == 200
            else parts("The receiver answered with status %(status)d.", {"status": status}),
        )
    Robot.objects.create(project=project, name="cluster", digest="0" * 64)
    for action in (
        "member.added",
        "credential.created",
        "webhook.created",
        "robot.created",
        "import.created",
    ):
        with acting_as(user):
            audit.record(action, project)
