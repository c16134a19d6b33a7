from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Requested
from projects.models import Project


class BundleUpload(Requested):
    """A file of images on its way in, or here: its bytes lie in ``UPLOADS_DIR``, named by the id.

    The row says how much of it has come; bytes of the file beyond that count for nothing.
    """

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="bundle_uploads", verbose_name=_("project")
    )
    file_name = models.CharField(_("file name"), max_length=200)
    #: Bytes, in all and here.
    length = models.PositiveBigIntegerField(_("length"))
    offset = models.PositiveBigIntegerField(_("offset"), default=0)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), db_index=True)

    class Meta:
        db_table = "image_import_uploads"
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(offset__lte=models.F("length")), name="upload_within_length"
            )
        ]
        indexes = [models.Index(fields=("project", "-created_at", "-id"), name="upload_newest")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_complete(self) -> bool:
        return self.offset == self.length

    @property
    def audit_subject(self) -> str:
        return self.file_name

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"upload": str(self.pk)}
