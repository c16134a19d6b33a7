"""Bundles of the sample rows: one in one file, one in volumes against an earlier one."""

from __future__ import annotations

from django.contrib.auth.models import User

from imageimport.models import Bundle
from projects.models import Image, Project

_GIB = 1024**3


def fill(project: Project, user: User) -> None:
    """Rows of bundles; their entries no page shows."""
    images = [
        {"image": str(row), "digest": row.digest, "size": row.size, "platforms": row.platforms}
        for row in Image.objects.filter(project=project).order_by("repository", "tag")[:4]
    ]
    Bundle.objects.create(
        project=project,
        created_by=user,
        name="base-images",
        images=images,
        volumes=[3 * _GIB],
        size=3 * _GIB,
    )
    Bundle.objects.create(
        project=project,
        created_by=user,
        name="2026-11",
        images=images[:2],
        platforms=["linux/amd64"],
        volume_bytes=4_000_000_000,
        volumes=[3_999_900_160, 3_999_871_488, 1_204_224_000],
        size=9_203_995_648,
        omitted_bytes=2 * _GIB,
    )
