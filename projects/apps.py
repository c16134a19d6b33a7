from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    name = "projects"
    verbose_name = _("Projects")

    def ready(self) -> None:
        post_migrate.connect(make_ready, sender=self, dispatch_uid="projects.make_ready")


def make_ready(using: str = "default", **_: Any) -> None:
    """After ``migrate``: what the database keeps beside the tables."""
    from projects import holdings
    from projects.search import sqlite_statistics, trigrams

    for index in trigrams.INDEXES:
        index.ensure(using)
    holdings.ensure(using)
    tables = [table for index in trigrams.INDEXES for table in index.tables]
    sqlite_statistics.ensure(("projects_membership", *tables), using)
