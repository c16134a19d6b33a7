from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ImageImportConfig(AppConfig):
    name = "imageimport"
    verbose_name = _("Image imports")

    def ready(self) -> None:
        from imageimport import search_index
        from imageimport.worker import dispatch
        from projects.registry import tag_notices

        tag_notices.when_noted.append(dispatch.look)
        post_migrate.connect(search_index.ensure, sender=self, dispatch_uid="imageimport.search_index")
