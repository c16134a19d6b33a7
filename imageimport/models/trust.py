from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import Created
from projects.models import Project


class TrustAnchor(Created):
    """Whose signatures count: in one project, or (without one) in the whole installation. Never changed, only deleted:
    what was proved by it stays true."""

    class Kind(models.TextChoices):
        KEY = "key", _("Public key")
        KEYLESS = "keyless", _("Identity (keyless)")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="trust_anchors",
        verbose_name=_("project"),
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    #: PEM, as :func:`oci.signatures.keys.load_public_key` reads it.
    public_key = models.TextField(_("public key"), blank=True, default="")
    issuer = models.CharField(_("issuer"), max_length=500, blank=True, default="")
    identity = models.CharField(_("identity"), max_length=1000, blank=True, default="")
    identity_is_pattern = models.BooleanField(_("identity is a pattern"), default=False)
    #: Globs over ``registry/repository``; empty: all images.
    sources = models.JSONField(_("sources"), default=list, blank=True)

    class Meta:
        verbose_name = _("trust anchor")
        verbose_name_plural = _("trust anchors")
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(fields=("project", "name"), name="trust_name_once"),
            models.UniqueConstraint(
                fields=("name",), condition=Q(project=None), name="trust_name_once_installation"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_subject(self) -> str:
        return self.name

    @property
    def audit_detail(self) -> dict[str, str]:
        if self.kind == self.Kind.KEY:
            return {"trust": str(self.pk), "kind": self.kind}
        return {"trust": str(self.pk), "kind": self.kind, "issuer": self.issuer, "identity": self.identity}
