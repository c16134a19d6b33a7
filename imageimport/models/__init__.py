"""The import's rows. One idea a file; the task's life is drawn in :class:`ImportTask`."""

from imageimport.models.attempt import ImportAttempt, ImportLayer
from imageimport.models.batch import ImportBatch
from imageimport.models.bundle import Bundle, BundleEntry
from imageimport.models.count import MetricCount
from imageimport.models.credential import Credential
from imageimport.models.policy import ApprovalRequest, PolicyRule
from imageimport.models.proof import BlobOrigin, IdempotencyKey, ReferrerAnnouncement, SourceSight, TagDigest
from imageimport.models.schedule import Schedule, ScheduleRun
from imageimport.models.source import SourceMirror, SourceRule, SourceWay
from imageimport.models.task import ImportTask
from imageimport.models.trust import TrustAnchor
from imageimport.models.turn import AccountTurn, ProjectTurn
from imageimport.models.upload import BundleUpload
from imageimport.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "AccountTurn",
    "ApprovalRequest",
    "BlobOrigin",
    "Bundle",
    "BundleEntry",
    "BundleUpload",
    "Credential",
    "IdempotencyKey",
    "ImportAttempt",
    "ImportBatch",
    "ImportLayer",
    "ImportTask",
    "MetricCount",
    "PolicyRule",
    "ProjectTurn",
    "ReferrerAnnouncement",
    "Schedule",
    "ScheduleRun",
    "SourceMirror",
    "SourceRule",
    "SourceSight",
    "SourceWay",
    "TagDigest",
    "TrustAnchor",
    "Webhook",
    "WebhookDelivery",
]
