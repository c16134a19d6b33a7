"""A cluster for the pictures: what of it is here, what is missing, what has changed."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.models import User
from django.utils import timezone

from projects.models import Image, Project
from workloads.models import Cluster, ClusterImage


def fill(project: Project, user: User) -> None:
    """One cluster with images in each state."""
    nginx = Image.objects.filter(project=project, repository="nginx").first()
    seen = timezone.now() - dt.timedelta(minutes=4)
    cluster = Cluster.objects.create(
        project=project, name="production", created_by=user, seen_at=seen, pods=46
    )
    rows = [("ghcr.io/owner/agent:2.4", f"sha256:{'b' * 64}", 12, ["kube-system"])]
    if nginx is not None:
        name = nginx.source_image or f"nginx:{nginx.tag}"
        rows += [
            (name, nginx.digest, 30, ["shop", "web"]),
            (name, f"sha256:{'c' * 64}", 4, ["shop"]),
        ]
    for image, digest, pods, namespaces in rows:
        ClusterImage.objects.create(
            cluster=cluster, image=image, digest=digest, pods=pods, namespaces=namespaces
        )
