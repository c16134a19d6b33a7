"""What a row says of an image, whether its tag stands or is in the trash."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ImageFacts(models.Model):
    """The columns that :class:`projects.models.Image` and :class:`projects.models.TrashedTag` share."""

    #: Name inside the project: ``nginx`` of ``<public host>/<project>/nginx``.
    repository = models.CharField(_("repository"), max_length=255)
    tag = models.CharField(_("tag"), max_length=128)
    digest = models.CharField(_("digest"), max_length=160)
    media_type = models.CharField(_("media type"), max_length=255, blank=True, default="")
    artifact_type = models.CharField(_("artifact type"), max_length=255, blank=True, default="")
    #: Sum of the distinct blobs over all platforms, bytes.
    size = models.PositiveBigIntegerField(_("size"), default=0)
    #: ``["linux/amd64", …]``
    platforms = models.JSONField(_("platforms"), default=list, blank=True)
    #: ``[{"platform", "digest", "size"}, …]`` for an index.
    children = models.JSONField(_("children"), default=list, blank=True)
    source_image = models.CharField(_("source image"), max_length=600, blank=True, default="")
    #: What was proved of its signatures when it came in: see :mod:`projects.signatures`; null: not asked.
    signature = models.JSONField(_("signature"), null=True, blank=True)
    pull_count = models.PositiveBigIntegerField(_("pulls"), default=0)
    last_pulled_at = models.DateTimeField(_("last pulled"), null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def audit_subject(self) -> str:
        return str(self)
