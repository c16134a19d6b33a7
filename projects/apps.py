from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    name = "projects"
    verbose_name = _("Projects")

    def ready(self) -> None:
        from accounts.exceptions import worded
        from projects import keeping, protection
        from projects.retention import trash
        from projects.scanning.words import severity_in_sentence

        keeping.register("protected tags", protection.keep)
        keeping.register("trash", trash.keep)
        worded.update(severity=severity_in_sentence, limit=severity_in_sentence)
        post_migrate.connect(make_ready, sender=self, dispatch_uid="projects.make_ready")


def make_ready(using: str = "default", **_: Any) -> None:
    """After ``migrate``: what the database keeps beside the tables."""
    from projects.search import holdings, sqlite_statistics, trigrams

    for index in trigrams.INDEXES:
        index.ensure(using)
    holdings.ensure(using)
    tables = [table for index in trigrams.INDEXES for table in index.tables]
    sqlite_statistics.ensure(("projects_membership", *tables), using)
