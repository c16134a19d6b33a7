"""The app of workloads."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WorkloadsConfig(AppConfig):
    """Registers that what a cluster runs stays in the registry."""

    name = "workloads"
    verbose_name = _("workloads")

    def ready(self) -> None:
        from projects import keeping
        from workloads.clusters.keeping import held_by_clusters

        keeping.register("clusters", held_by_clusters)
