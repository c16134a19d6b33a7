"""Rules, imports that they are about, and images of some age."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from imageimport.models import ImportTask, PolicyRule, SourceSight, TagDigest
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from oci.spec.digest import digest_of
from oci.spec.media_types import OCI_CONFIG, OCI_MANIFEST
from projects.models import Project
from testbed.scripted_registry import ScriptedRegistry


def rule(project: Project | None, action: str = "allow", **values: Any) -> PolicyRule:
    return PolicyRule.objects.create(project=project, name="R", action=action, **values)


def submit(team: tuple[User, Project], source: ScriptedRegistry, tag: str = "v1", **more: Any) -> ImportTask:
    user, project = team
    project.refresh_from_db()
    wanted = ImportRequest(f"{source.server_name}/app/web:{tag}", **more)
    return services.submit(project=project, user=user, request=wanted)


def image_made(source: ScriptedRegistry, tag: str, created: str | None) -> str:
    """An image whose configuration says when it was made."""
    config = {"architecture": "amd64", "os": "linux", **({"created": created} if created else {})}
    body = json.dumps(config).encode()
    source.add_blob("app/web", body)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest_of(body), "size": len(body)},
        "layers": [],
    }
    return source.add_manifest("app/web", tag, json.dumps(manifest).encode(), OCI_MANIFEST)


def ago(**delta: float) -> str:
    return (timezone.now() - dt.timedelta(**delta)).isoformat()


def known_for(**delta: float) -> None:
    """Everything that was seen or imported so far was so this long ago."""
    SourceSight.objects.update(at=timezone.now() - dt.timedelta(**delta))
    TagDigest.objects.update(at=timezone.now() - dt.timedelta(**delta))
