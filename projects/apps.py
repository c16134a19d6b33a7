from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    name = "projects"
    verbose_name = _("Projects")

    def ready(self) -> None:
        from projects import trigrams

        post_migrate.connect(trigrams.ensure, sender=self, dispatch_uid="projects.trigrams")
