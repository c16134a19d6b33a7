"""Sample trusted signers, and verdicts of images and imports."""

from __future__ import annotations

from typing import Any

from imageimport.choices import Status
from imageimport.models import ImportTask, TrustAnchor
from projects.models import Image, Project

_ISSUER = "https://token.actions.githubusercontent.com"
_IDENTITY = "https://github.com/acme/*"


def fill(project: Project) -> None:
    """A key and an identity; images that are signed, not signed, signed by a stranger, or whose source was silent."""
    TrustAnchor.objects.create(
        name="acme-ci", kind="keyless", issuer=_ISSUER, identity=_IDENTITY, identity_is_pattern=True
    )
    TrustAnchor.objects.create(
        project=project,
        name="release-key",
        kind="key",
        public_key="PEM",
        sources=["docker.io/library/*", "ghcr.io/acme/*"],
    )
    TrustAnchor.objects.create(
        project=project,
        name="builder",
        kind="keyless",
        issuer=_ISSUER,
        identity=_IDENTITY.replace("*", "app"),
    )
    verdicts = [
        _verdict("verified", by="release-key", at="2026-11-27T08:04:28+00:00", at_target=True),
        _verdict("unsigned"),
        _verdict("invalid", reason="No trusted key made the signature."),
        _verdict("unknown"),
    ]
    for image, verdict in zip(Image.objects.filter(project=project).order_by("pk"), verdicts, strict=False):
        Image.objects.filter(pk=image.pk).update(signature=verdict)
    ImportTask.objects.filter(project=project, status=Status.SUCCESS).update(signature=verdicts[0])


def _verdict(
    state: str, *, by: str = "", at: str | None = None, reason: str = "", at_target: bool = False
) -> dict[str, Any]:
    return {
        "state": state,
        "by": by,
        "at": at,
        "digest": "sha256:" + "4b" * 32,
        "reason": {"template": reason, "params": {}} if reason else None,
        "anchors": [],
        "at_target": at_target,
    }
