"""What belongs to a person: preferences and API tokens."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id


class Profile(models.Model):
    """A user's preferences for the pages; made on first use."""

    class Theme(models.TextChoices):
        AUTO = "auto", _("As the system")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="profile"
    )
    language = models.CharField(_("language"), max_length=16, blank=True, default="")
    theme = models.CharField(_("theme"), max_length=8, choices=Theme.choices, default=Theme.AUTO)
    pull_client = models.CharField(_("pull client"), max_length=16, default="docker")

    def __str__(self) -> str:
        return str(self.user)


class ApiToken(models.Model):
    """A bearer token of a user, for the API and for the registry. Only its hash is stored."""

    class Scope(models.TextChoices):
        READ = "read", _("Read")
        IMPORT = "import", _("Read and import")
        ADMIN = "admin", _("Everything the user may")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100, blank=True, default="")
    #: The first characters of the secret, to find the row and to tell tokens apart; not secret.
    prefix = models.CharField(max_length=16, unique=True)
    #: SHA-256 of the secret, hexadecimal; the secret has 256 random bits, so no slow hash is needed.
    digest = models.CharField(max_length=64)
    scope = models.CharField(_("scope"), max_length=8, choices=Scope.choices, default=Scope.ADMIN)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name or self.prefix


class KnownAddress(models.Model):
    """An account has signed in with its password from an address (:mod:`accounts.throttling`)."""

    #: HMAC-SHA-256 of account and address, hexadecimal.
    key = models.CharField(max_length=64, primary_key=True)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.key[:8]
