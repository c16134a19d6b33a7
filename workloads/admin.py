"""Clusters in the admin: to look at."""

from __future__ import annotations

from django.contrib import admin

from projects.admin.projects import ReadOnly
from workloads.models import Cluster


@admin.register(Cluster)
class ClusterAdmin(ReadOnly):
    """What was heard of when."""

    list_display = ("name", "project", "pods", "seen_at")
    search_fields = ("name", "project__name")
    raw_id_fields = ("project", "created_by")
    readonly_fields = ("pods", "seen_at")
