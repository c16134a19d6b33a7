from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    """The admin, with the site's own sign-in page before it."""

    default_site = "registry_portal.admin.PortalAdminSite"
