"""The site as an application: brings its system checks along."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistryPortalConfig(AppConfig):
    name = "registry_portal"
    verbose_name = _("Registry Portal")

    def ready(self) -> None:
        from registry_portal import (  # noqa: F401  (they register themselves)
            beating,
            checks,
            memory,
            observability,
            postgres,
            requestlog,
        )
