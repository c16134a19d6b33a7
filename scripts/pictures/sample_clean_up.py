"""Sample rules of clean-up, a trash, what a project held, and collections."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.models import User
from django.utils import timezone

from projects import audit
from projects.models import Collection, Image, Project, ProtectedTag, RetentionRule, TrashedTag, UsageDay


def fill(project: Project, user: User) -> None:
    """Rules that take some of the project's tags and keep others, each for its reason."""
    now = timezone.now()
    RetentionRule.objects.create(
        project=project, repositories=["*"], keep_newest=1, order="version", keep_pulled_days=30
    )
    RetentionRule.objects.create(project=project, tags=["nightly-*"], keep_pushed_days=7, enabled=False)
    ProtectedTag.objects.create(project=project, pattern="nginx:1.*", created_by=user)
    Project.objects.filter(pk=project.pk).update(
        retention_cron="0 4 * * *", retention_next_at=now + dt.timedelta(hours=7)
    )
    for number, by_rule in enumerate((True, True, False)):
        TrashedTag.objects.create(
            project=project,
            repository="python",
            tag=f"3.1{number}",
            digest=f"sha256:{number:064x}",
            size=60_000_000 + number * 7_000_000,
            set_at=now - dt.timedelta(days=90),
            removed_at=now - dt.timedelta(days=number),
            removed_by=None if by_rule else user,
            by_rule=by_rule,
            expires_at=now + dt.timedelta(days=7 - number),
        )
    for days in range(1, 60):
        UsageDay.objects.create(
            project=project,
            day=now.date() - dt.timedelta(days=days),
            images=60 - days,
            bytes=(90 - days) * 14_000_000,
        )
    protected = Image.objects.filter(project=project, repository="nginx").first()
    if protected is not None:
        audit.record("tag.restored", protected, digest=protected.digest, was="", pattern="nginx:1.*")
    done = Collection.State.DONE
    Collection.objects.create(
        state=done,
        requested_by=user,
        asked_at=now - dt.timedelta(days=1),
        started_at=now - dt.timedelta(days=1) + dt.timedelta(minutes=4),
        ended_at=now - dt.timedelta(days=1) + dt.timedelta(minutes=5),
        freed_bytes=8_400_000_000,
    )
    Collection.objects.create(
        state=Collection.State.FAILED,
        asked_at=now - dt.timedelta(days=9),
        ended_at=now - dt.timedelta(days=9),
        error={"template": "The collector stopped, and no other one took over. Start the collection again."},
    )
