"""Small facts that imports leave for later ones."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.ids import new_id
from projects.models import Project


class BlobOrigin(models.Model):
    """The portal itself once copied this blob from this source registry into this repository.

    The proof that a mount from another project needs (docs/decisions: a crafted manifest that names another
    team's layer must not fetch it). The source must still confirm the blob for the asking user.
    """

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=160)
    source_registry = models.CharField(max_length=255)
    #: ``<project>/<name>`` in the private registry.
    repository = models.CharField(max_length=320)
    size = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("digest", "source_registry", "repository"), name="origin_once")
        ]
        indexes = [models.Index(fields=("repository",), name="origin_repository")]

    def __str__(self) -> str:
        return f"{self.digest} {self.repository}"


class ReferrerAnnouncement(models.Model):
    """An import is about to add this entry to the list of referrers ``key``; see :mod:`oci.copy.announcements`."""

    id = models.BigAutoField(primary_key=True)
    #: ``<host>/<repository>@<subject's digest>``
    key = models.CharField(max_length=768)
    digest = models.CharField(max_length=160)
    #: As the list is to have it.
    entry = models.JSONField()
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("key", "digest"), name="announced_once")]

    def __str__(self) -> str:
        return f"{self.digest} {self.key}"


class TagDigest(models.Model):
    """What a target tag named from when on: the timeline of a tag."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tag_digests")
    repository = models.CharField(max_length=255)
    tag = models.CharField(max_length=128)
    digest = models.CharField(max_length=160)
    source_image = models.CharField(max_length=600, blank=True, default="")
    source_digest = models.CharField(max_length=160, blank=True, default="")
    task = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at", "-id")
        indexes = [models.Index(fields=("project", "repository", "tag", "-at"), name="tag_timeline")]

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag} {self.digest}"


class IdempotencyKey(models.Model):
    """The answer that a user's ``Idempotency-Key`` got, so that asking again creates nothing."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    #: SHA-256 of method, path and body: the same key with another body is refused. The body itself may hold a password.
    fingerprint = models.CharField(max_length=64)
    #: The task or batch that was made.
    result = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("user", "key"), name="idempotency_key_once")]
        indexes = [models.Index(fields=("created_at",), name="idempotency_age")]

    def __str__(self) -> str:
        return self.key
