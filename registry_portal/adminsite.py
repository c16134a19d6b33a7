"""The admin as an app: the site's own sign-in page before it, and names in the reader's language."""

from django.contrib.admin.apps import AdminConfig

from registry_portal import words


class PortalAdminConfig(AdminConfig):
    """The admin, with the site's own sign-in page before it."""

    default_site = "registry_portal.admin.PortalAdminSite"

    def ready(self) -> None:
        super().ready()
        words.give()
