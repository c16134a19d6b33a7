"""The import's rows. One idea a file; the task's life is drawn in :class:`ImportTask`."""

from imageimport.models.batch import ImportBatch
from imageimport.models.count import MetricCount
from imageimport.models.credential import Credential
from imageimport.models.proof import BlobOrigin, IdempotencyKey, ReferrerAnnouncement, TagDigest
from imageimport.models.schedule import Schedule, ScheduleRun
from imageimport.models.task import AccountTurn, ImportAttempt, ImportLayer, ImportTask, ProjectTurn
from imageimport.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "AccountTurn",
    "BlobOrigin",
    "Credential",
    "IdempotencyKey",
    "ImportAttempt",
    "ImportBatch",
    "ImportLayer",
    "ImportTask",
    "MetricCount",
    "ProjectTurn",
    "ReferrerAnnouncement",
    "Schedule",
    "ScheduleRun",
    "TagDigest",
    "Webhook",
    "WebhookDelivery",
]
