from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ImageImportConfig(AppConfig):
    name = "imageimport"
    verbose_name = _("Image imports")

    def ready(self) -> None:
        from imageimport import hints, searchindex
        from projects.registry import tag_notices

        tag_notices.when_noted.append(hints.look)
        post_migrate.connect(searchindex.ensure, sender=self, dispatch_uid="imageimport.searchindex")
