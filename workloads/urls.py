"""Addresses of the pages of workloads."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from workloads.views import workloads

_clusters: list[URLPattern | URLResolver] = [
    path("new/", workloads.add_cluster, name="cluster-add"),
    path("<uuid:cluster_id>/", workloads.cluster, name="cluster"),
    path("<uuid:cluster_id>/inventory/", workloads.send_inventory, name="cluster-inventory"),
    path("<uuid:cluster_id>/import/", workloads.import_missing, name="cluster-import"),
    path("<uuid:cluster_id>/remove/", workloads.remove_cluster, name="cluster-remove"),
]
_workloads: list[URLPattern | URLResolver] = [
    path("", workloads.overview, name="workloads"),
    path("rewrite/", workloads.rewrite_page, name="rewrite"),
    path("clients/", workloads.client_config, name="client-config"),
    path("clients/full-names/", workloads.full_names, name="full-names"),
    path("clusters/", include(_clusters)),
]
urlpatterns = [path("projects/<str:name>/workloads/", include(_workloads))]
