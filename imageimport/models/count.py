from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class MetricCount(models.Model):
    """A piece of the counters that ``/metrics`` shows: a counter is the sum of all rows with its labels.

    What happens adds a row, in the transaction in which it happens: so a counter is exact whichever process counts,
    and no one waits for a row that all would change. From time to time many rows become one (``counting.fold``).
    """

    class Kind(models.TextChoices):
        #: An import ended: ``status``, ``error_code``, ``transport``; ``bucket`` and ``seconds`` of its last attempt.
        ENDED = "ended", "ended"
        #: An import began for the first time: ``bucket`` and ``seconds`` that it had waited.
        BEGUN = "begun", "begun"
        #: An attempt ended: ``status`` (its outcome), ``error_code``, ``registry``, and its bytes.
        ATTEMPT = "attempt", "attempt"

    id = models.BigAutoField(_("id"), primary_key=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=12, blank=True, default="")
    error_code = models.CharField(_("error code"), max_length=32, blank=True, default="")
    transport = models.CharField(_("transport"), max_length=10, blank=True, default="")
    #: One of a bounded set of names (``counting.registry_label``), never just any host that someone typed.
    registry = models.CharField(_("registry"), max_length=255, blank=True, default="")
    #: Position of the histogram's bucket; the last is beyond all bounds.
    bucket = models.PositiveSmallIntegerField(_("bucket"), default=0)
    count = models.PositiveBigIntegerField(_("count"), default=1)
    seconds = models.FloatField(_("seconds"), default=0)
    bytes_moved = models.PositiveBigIntegerField(_("bytes moved"), default=0)
    bytes_reused = models.PositiveBigIntegerField(_("bytes reused"), default=0)

    class Meta:
        db_table = "image_import_counts"

    def __str__(self) -> str:
        return f"{self.kind} {self.status} {self.count}"
