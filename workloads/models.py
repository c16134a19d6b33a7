"""Clusters, and the images that they were last seen to run."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.labels import check_label
from accounts.models import Created
from projects.models import Project


class Cluster(Created):
    """A cluster whose inventory is sent here, or a file that stands for one."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="clusters", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=100, validators=[check_label])
    #: When it was last heard of; None: never.
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True, editable=False)
    #: Pods that run or wait to run.
    pods = models.PositiveIntegerField(_("pods"), default=0, editable=False)

    class Meta:
        verbose_name = _("cluster")
        verbose_name_plural = _("clusters")
        ordering = ("name", "id")
        constraints = [models.UniqueConstraint(fields=("project", "name"), name="cluster_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_subject(self) -> str:
        return self.name

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"cluster": str(self.pk)}


class ClusterImage(models.Model):
    """One image of a cluster's last inventory: as its pods name it, with the digest that runs."""

    id = models.BigAutoField(_("id"), primary_key=True)
    cluster = models.ForeignKey(
        Cluster, on_delete=models.CASCADE, related_name="images", verbose_name=_("cluster")
    )
    #: As the pods name it.
    image = models.CharField(_("image"), max_length=600)
    #: What runs; empty: not known yet, as of a pod that waits for its image.
    digest = models.CharField(_("digest"), max_length=160, blank=True, default="", db_index=True)
    pods = models.PositiveIntegerField(_("pods"), default=0)
    namespaces = models.JSONField(_("namespaces"), default=list, blank=True)

    class Meta:
        verbose_name = _("image of a cluster")
        verbose_name_plural = _("images of clusters")
        ordering = ("image", "digest")
        constraints = [
            models.UniqueConstraint(fields=("cluster", "image", "digest"), name="cluster_image_once")
        ]

    def __str__(self) -> str:
        return self.image
