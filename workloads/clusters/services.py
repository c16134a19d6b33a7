"""Clusters: made, heard of, removed; what they lack is imported."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors
from projects import audit
from projects.locking import locked
from projects.models import Project
from workloads.clusters.inventory import Inventory
from workloads.clusters.selectors import MISSING, Summary, images_of, summary_of
from workloads.missing import Begun, import_missing
from workloads.models import Cluster, ClusterImage

MAX_CLUSTERS: Final = 100
_CHUNK: Final = 500


def create(*, project: Project, user: User, name: str) -> Cluster:
    """A cluster that has not been heard of yet.

    :raises FieldErrors: on ``name``: the project has one of that name.
    :raises ApplicationError: ``too_many_clusters``.
    """
    if Cluster.objects.filter(project=project).count() >= MAX_CLUSTERS:
        raise ApplicationError(
            "too_many_clusters",
            gettext_noop("A project can have at most %(limit)s clusters."),
            limit=MAX_CLUSTERS,
        )
    try:
        with transaction.atomic():
            cluster = Cluster.objects.create(project=project, created_by=user, name=name.strip())
            audit.record("cluster.created", cluster)
    except IntegrityError:
        raise FieldErrors({"name": [_("A cluster with this name already exists.")]}) from None
    return cluster


def delete(*, cluster: Cluster) -> None:
    """Forget a cluster; what it runs is no longer held."""
    with transaction.atomic():
        audit.record("cluster.deleted", cluster)
        cluster.delete()


def take_inventory(*, cluster: Cluster, inventory: Inventory) -> Summary:
    """Replace what the cluster was last seen to run. The audit log has it where other images run than before."""
    with transaction.atomic():
        locked(cluster)
        known = set(ClusterImage.objects.filter(cluster=cluster).values_list("image", "digest"))
        ClusterImage.objects.filter(cluster=cluster).delete()
        rows = [
            ClusterImage(
                cluster=cluster,
                image=image,
                digest=digest,
                pods=seen.pods,
                namespaces=sorted(seen.namespaces),
            )
            for (image, digest), seen in inventory.images.items()
        ]
        ClusterImage.objects.bulk_create(rows, batch_size=_CHUNK)
        cluster.pods, cluster.seen_at = inventory.pods, timezone.now()
        cluster.save(update_fields=["pods", "seen_at"])
        if known != set(inventory.images):
            audit.record_event(
                action="cluster.inventory",
                project=cluster.project,
                subject=cluster.name,
                detail={**cluster.audit_detail, "images": len(inventory.images)},
            )
    return summary_of(cluster, images_of(cluster))


def import_images(*, cluster: Cluster, user: User) -> Begun:
    """One batch of what the cluster runs and the project lacks. By its tag where it has one, else by digest.

    :raises ApplicationError: ``nothing_missing``; else as :func:`imageimport.batches.services.create`.
    """
    missing = [
        each.reference for each in images_of(cluster) if each.state == MISSING and each.reference is not None
    ]
    begun = import_missing(project=cluster.project, user=user, references=missing, name=cluster.name)
    if begun.batch is None and not begun.skipped:
        raise ApplicationError(
            "nothing_missing",
            gettext_noop("All images of this cluster are here or being imported."),
        )
    return begun
