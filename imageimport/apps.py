from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImageImportConfig(AppConfig):
    name = "imageimport"
    verbose_name = _("Image imports")
