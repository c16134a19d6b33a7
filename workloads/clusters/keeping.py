"""What a cluster runs stays in the registry."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.utils.translation import gettext_noop

from projects.keeping import Hold
from projects.models import Project
from workloads.clusters.selectors import running
from workloads.models import ClusterImage

_REASON = gettext_noop("In use by the cluster %(cluster)s.")


def held_by_clusters(project: Project, digests: Collection[str] | None) -> Iterator[Hold]:
    """The digests that the project's clusters run, and what the tags that they name are now: a pod that is started
    again asks for its tag.
    """
    rows = ClusterImage.objects.filter(cluster__project=project).select_related("cluster")
    for row, each in running(project, list(rows)):
        pinned = each.reference.digest if each.reference else None
        for digest in sorted({each.digest, pinned or "", *each.held} - {""}):
            if digests is None or digest in digests:
                yield Hold(digest, "", _REASON, {"cluster": row.cluster.name})
