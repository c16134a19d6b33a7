"""What belongs to a person: preferences and API tokens."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id


class Created(models.Model):
    """Remembers who made it and when; who it was is forgotten with their account."""

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        abstract = True


class Requested(models.Model):
    """Remembers who asked for it; who it was is forgotten with their account."""

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("requested by"),
    )

    class Meta:
        abstract = True


class Profile(models.Model):
    """A user's preferences for the pages; made on first use."""

    class Theme(models.TextChoices):
        AUTO = "auto", _("System default")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="profile",
        verbose_name=_("user"),
    )
    language = models.CharField(_("language"), max_length=16, blank=True, default="")
    theme = models.CharField(_("theme"), max_length=8, choices=Theme.choices, default=Theme.AUTO)
    pull_client = models.CharField(_("pull client"), max_length=16, default="docker")

    class Meta:
        verbose_name = _("preferences")
        verbose_name_plural = _("preferences")

    def __str__(self) -> str:
        return str(self.user)


class ApiToken(models.Model):
    """A bearer token of a user, for the API and for the registry. Only its hash is stored."""

    class Scope(models.TextChoices):
        READ = "read", _("Read")
        IMPORT = "import", _("Read and import")
        ADMIN = "admin", _("Full access")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100, blank=True, default="")
    #: The first characters of the secret, to find the row and to tell tokens apart; not secret.
    prefix = models.CharField(_("prefix"), max_length=16, unique=True)
    #: SHA-256 of the secret, hexadecimal; the secret has 256 random bits, so no slow hash is needed.
    digest = models.CharField(_("digest"), max_length=64)
    scope = models.CharField(_("scope"), max_length=8, choices=Scope.choices, default=Scope.ADMIN)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name or self.prefix


class UserGroup(models.Model):
    """A group that the identity provider counted a user in when they last came in by it
    (:mod:`accounts.sign_in.groups`)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sso_groups", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=255)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("user", "name"), name="one_row_a_group")]

    def __str__(self) -> str:
        return self.name


class KnownAddress(models.Model):
    """An account has signed in with its password from an address (:mod:`accounts.sign_in.throttling`)."""

    #: HMAC-SHA-256 of account and address, hexadecimal.
    key = models.CharField(_("key"), max_length=64, primary_key=True)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.key[:8]
