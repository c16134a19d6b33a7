"""The files of layers, as a worker read them once: one index a layer, whatever images share it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id


class LayerIndex(models.Model):
    """Whether the files of a layer are known (:mod:`projects.contents.indexing`)."""

    class State(models.TextChoices):
        READING = "reading", _("Reading")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    digest = models.CharField(_("digest"), max_length=160, unique=True)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.READING)
    #: Of the compressed layer, as far as it was read.
    bytes_done = models.PositiveBigIntegerField(_("bytes read"), default=0)
    entries = models.PositiveIntegerField(_("files"), default=0)
    #: ``[directory, name]`` of the first record of each part, compressed JSON.
    firsts = models.BinaryField(default=b"")
    #: Why it can't be read: ``{"template", "params"}``.
    error = models.JSONField(_("error"), null=True, blank=True)
    #: The worker that reads it has it until then.
    claimed_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("file index")
        verbose_name_plural = _("file indexes")
        indexes = [models.Index(fields=("state", "claimed_until"), name="layer_index_claimed")]

    def __str__(self) -> str:
        return self.digest


class LayerIndexPart(models.Model):
    """Some hundred records of a layer's files, sorted: compressed JSON."""

    index = models.ForeignKey(LayerIndex, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("index", "number"), name="part_of_layer_index")]

    def __str__(self) -> str:
        return f"{self.index_id} {self.number}"
