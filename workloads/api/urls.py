"""The addresses of workloads, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from workloads.api.clusters import ClusterViewSet
from workloads.api.rewriting import ClientConfigViewSet, RewriteViewSet

PROJECT = "projects/<uuid:project_id>"

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register(f"{PROJECT}/clusters", ClusterViewSet, basename="workload-cluster")
router.register(f"{PROJECT}/rewrite", RewriteViewSet, basename="workload-rewrite")

urlpatterns = [
    path(
        f"{PROJECT}/client-config",
        ClientConfigViewSet.as_view({"get": "retrieve", "post": "create"}),
        name="workload-client-config",
    ),
    *router.urls,
]
