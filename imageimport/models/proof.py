"""Small facts that imports leave for later ones."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from projects.models import Project


class BlobOrigin(models.Model):
    """The portal itself once copied this blob from this source registry into this repository.

    The proof that a mount from another project needs (docs/decisions: a crafted manifest that names another
    team's layer must not fetch it). The source must still confirm the blob for the asking user.
    """

    id = models.BigAutoField(_("id"), primary_key=True)
    digest = models.CharField(_("digest"), max_length=160)
    source_registry = models.CharField(_("source registry"), max_length=255)
    #: ``<project>/<name>`` in the private registry.
    repository = models.CharField(_("repository"), max_length=320)
    size = models.PositiveBigIntegerField(_("size"), default=0)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("digest", "source_registry", "repository"), name="origin_once")
        ]
        indexes = [models.Index(fields=("repository",), name="origin_repository")]

    def __str__(self) -> str:
        return f"{self.digest} {self.repository}"


class ReferrerAnnouncement(models.Model):
    """An import is about to add this entry to the list of referrers ``key``; see :mod:`oci.copy.observer`."""

    id = models.BigAutoField(_("id"), primary_key=True)
    #: ``<host>/<repository>@<subject's digest>``
    key = models.CharField(_("key"), max_length=768)
    digest = models.CharField(_("digest"), max_length=160)
    #: As the list is to have it.
    entry = models.JSONField()
    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("key", "digest"), name="announced_once")]

    def __str__(self) -> str:
        return f"{self.digest} {self.key}"


class TagDigest(models.Model):
    """What a target tag named from when on: the timeline of a tag."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="tag_digests", verbose_name=_("project")
    )
    repository = models.CharField(_("repository"), max_length=255)
    tag = models.CharField(_("tag"), max_length=128)
    digest = models.CharField(_("digest"), max_length=160)
    source_image = models.CharField(_("source image"), max_length=600, blank=True, default="")
    source_digest = models.CharField(_("source digest"), max_length=160, blank=True, default="")
    task = models.UUIDField(_("task"), null=True, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("tag history")
        verbose_name_plural = _("tag history")
        ordering = ("-at", "-id")
        indexes = [models.Index(fields=("project", "repository", "tag", "-at"), name="tag_timeline")]

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag} {self.digest}"


class SourceSight(models.Model):
    """When the portal first saw what a tag names at its source, where a rule asks for how long that has been known. The
    source can't change it, as it can the date that an image states.
    """

    id = models.BigAutoField(_("id"), primary_key=True)
    #: Registry and repository in their one form, as rules name them.
    source = models.CharField(_("source"), max_length=600)
    #: Empty where the digest alone was asked for.
    tag = models.CharField(_("tag"), max_length=128, blank=True, default="")
    digest = models.CharField(_("digest"), max_length=160)
    at = models.DateTimeField(_("at"), default=timezone.now)
    #: When a rule last read it, to the day: what none can read goes (:mod:`imageimport.policy.old_sights`).
    asked_at = models.DateTimeField(_("last used at"), default=timezone.now, db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=("source", "tag", "digest"), name="sight_once")]

    def __str__(self) -> str:
        return f"{self.source}:{self.tag} {self.digest}"


class IdempotencyKey(models.Model):
    """The answer that a user's ``Idempotency-Key`` got, so that asking again creates nothing."""

    id = models.BigAutoField(_("id"), primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    key = models.CharField(_("key"), max_length=255)
    #: SHA-256 of method, path and body: the same key with another body is refused. The body itself may hold a password.
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    #: The task or batch that was made.
    result = models.UUIDField(_("result"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("user", "key"), name="idempotency_key_once")]
        indexes = [models.Index(fields=("created_at",), name="idempotency_age")]

    def __str__(self) -> str:
        return self.key
