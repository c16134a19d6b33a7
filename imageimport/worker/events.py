"""What follows from an import's end, in the transaction that ends it."""

from __future__ import annotations

from imageimport import timeline
from imageimport.choices import Status, WebhookEvent
from imageimport.models import ImportTask
from imageimport.webhooks import outbox, payloads
from imageimport.worker import groups


def import_ended(task: ImportTask) -> None:
    """Write the tag's timeline, owe the webhooks their news, complete the batch and the scheduled run.

    :param task: as it is in the database; only the columns that are read here need to be there.
    """
    if task.status == Status.SUCCESS:
        timeline.note(
            project_id=task.project_id,
            repository=task.target_name,
            tag=task.target_tag,
            digest=task.digest,
            source_image=task.source_image,
            source_digest=task.source_digest,
            task=task,
        )
        _tell(WebhookEvent.IMPORT_SUCCEEDED, task, failed=False)
    elif task.status == Status.FAILED:
        _tell(WebhookEvent.IMPORT_FAILED, task, failed=True)
    if task.batch_id is not None:
        groups.settle_batch(task.batch_id)
    if task.schedule_run_id is not None:
        groups.settle_run(task.schedule_run_id)


def _tell(event: WebhookEvent, task: ImportTask, *, failed: bool) -> None:
    def make() -> payloads.Payload:
        whole = ImportTask.objects.select_related("project", "requested_by").get(pk=task.pk)
        return payloads.of_task(event.value, whole)

    outbox.enqueue(project_id=task.project_id, event=event, failed=failed, make=make)
