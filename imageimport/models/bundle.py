from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.labels import check_label
from accounts.models import Created
from projects.models import Project


class Bundle(Created):
    """Images as files: a list of digests in a fixed order. Its files are made while they are read; nothing is stored.

    It never changes, so the bytes of its files never do.
    """

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="bundles", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=100, validators=[check_label])
    platforms = models.JSONField(_("platforms"), default=list, blank=True)
    include_referrers = models.BooleanField(_("with signatures and SBOMs"), default=True)
    #: Bytes that a file may have; null: one file for all.
    volume_bytes = models.PositiveBigIntegerField(_("volume size"), null=True, blank=True)
    #: ``[{"image", "digest", "size", "platforms"}, …]``, in the order in which they were asked for.
    images = models.JSONField(_("images"), default=list)
    #: Bytes of each file.
    volumes = models.JSONField(_("volumes"), default=list)
    #: Of all files, bytes.
    size = models.PositiveBigIntegerField(_("size"), default=0)
    #: What the other side has already and is not in the files, bytes.
    omitted_bytes = models.PositiveBigIntegerField(_("left out"), default=0)
    #: ``index.json`` without the number of the volume; exactly this text decides the bytes.
    document = models.TextField(_("index"), default="")
    #: What was left out and why, ``[{"template", "params"}, …]``.
    notes = models.JSONField(_("notes"), default=list, blank=True)

    class Meta:
        verbose_name = _("bundle")
        verbose_name_plural = _("bundles")
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=("project", "-created_at", "-id"), name="bundle_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_subject(self) -> str:
        return self.name

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"bundle": str(self.pk)}


class BundleEntry(models.Model):
    """One digest of a bundle, and where it stands in its files."""

    id = models.BigAutoField(_("id"), primary_key=True)
    bundle = models.ForeignKey(
        Bundle, on_delete=models.CASCADE, related_name="entries", verbose_name=_("bundle")
    )
    digest = models.CharField(_("digest"), max_length=160)
    size = models.PositiveBigIntegerField(_("size"))
    #: Where in the project it is read from, as of an image.
    repository = models.CharField(_("repository"), max_length=255)
    is_manifest = models.BooleanField(_("manifest"), default=False)
    #: Counted from one; 0: the other side has it, and no file holds it.
    volume = models.PositiveIntegerField(_("volume"), default=0)
    #: From the first blob of its volume, bytes.
    offset = models.PositiveBigIntegerField(_("offset"), default=0)
    #: The content of an index that was cut to some platforms: the registry does not have it.
    content = models.BinaryField(_("content"), null=True, blank=True)

    class Meta:
        verbose_name = _("bundle entry")
        verbose_name_plural = _("bundle entries")
        ordering = ("bundle", "volume", "offset")
        constraints = [models.UniqueConstraint(fields=("bundle", "digest"), name="bundle_digest_once")]
        indexes = [
            models.Index(fields=("bundle", "volume", "offset"), name="bundle_place"),
            models.Index(fields=("digest",), name="bundle_digest"),
        ]

    def __str__(self) -> str:
        return self.digest
