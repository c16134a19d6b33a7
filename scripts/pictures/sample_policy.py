"""Sample rules, and a request that waits for approval."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask, PolicyRule
from projects.models import Project

_MIB = 1024 * 1024


def fill(
    project: Project, user: User, make_task: Callable[..., ImportTask], digest: Callable[[], str]
) -> None:
    """Rules of the installation and of a project, and what one of them asks."""
    PolicyRule.objects.create(
        position=1,
        name="registry.example.com",
        action="refuse",
        sources=["registry.example.com/*"],
        tags=["*-snapshot", "edge"],
    )
    rule = PolicyRule.objects.create(
        project=project,
        position=1,
        name="latest",
        action="approve",
        sources=["docker.io/*", "ghcr.io/*"],
        tags=["latest"],
        requires={"max_bytes": 2_000_000_000, "min_age_days": 3, "platforms": ["linux/amd64", "linux/arm64"]},
    )
    PolicyRule.objects.create(
        project=project, position=2, name="quay.io", action="allow", sources=["quay.io/*"], enabled=False
    )
    values: dict[str, Any] = {
        "requested_by": user,
        "message": ("Waiting for approval",),
        "source_digest": digest(),
        "bytes_total": 312 * _MIB,
    }
    task = make_task(project, Status.REQUESTED, "trivy:latest", "ghcr.io/aquasecurity/trivy:latest", **values)
    ApprovalRequest.objects.create(
        task=task,
        rule={"id": str(rule.pk), "name": rule.name, "of": "project"},
        look_at=None,
        expires_at=timezone.now() + dt.timedelta(days=13),
        platforms=[
            {"platform": "linux/amd64", "digest": digest(), "size": 160 * _MIB},
            {"platform": "linux/arm64", "digest": digest(), "size": 152 * _MIB},
        ],
        referrers=2,
    )
