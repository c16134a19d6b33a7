"""The site as an application, which brings its system checks along, and the admin with the site's own sign-in page."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy as _


class PortalAdminConfig(AdminConfig):
    """The admin, with the site's own sign-in page before it."""

    default_site = "registry_portal.admin.PortalAdminSite"


class RegistryPortalConfig(AppConfig):
    name = "registry_portal"
    verbose_name = _("Registry Portal")

    def ready(self) -> None:
        # They register themselves.
        from registry_portal import checks, postgres  # noqa: F401
        from registry_portal.history import refuse_older
        from registry_portal.observability import exporters, requestlog  # noqa: F401

        pre_migrate.connect(refuse_older, sender=apps.get_app_config("imageimport"))
