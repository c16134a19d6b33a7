"""What may be seen of imports: querysets for lists and pages, and their sentences in the reader's language."""

# ruff: noqa: S608 - the one statement that is put together here is made of names of our own
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cache
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, OuterRef, Q, Subquery
from django.utils import timezone

from imageimport.choices import OCCUPYING, Status
from imageimport.messages import shown
from imageimport.models import ImportAttempt, ImportTask
from imageimport.models.task import SECRETS, ImportTaskQuerySet
from projects.models import Image, Project

#: A finished import stays on the project page this long, so that its end is seen. Seconds.
SHOWN_AFTER_SUCCESS = 30
#: A failure stays this long, unless someone dismisses or retries it; after that the history has it. Seconds.
SHOWN_AFTER_FAILURE = 24 * 3600
#: So many of the newest imports are asked for the names that a filter offers.
REQUESTERS_OF = 500


def tasks_of(project: Project) -> ImportTaskQuerySet:
    """All imports of a project, newest first, without what lists don't show."""
    return ImportTask.objects.filter(project=project).for_lists().newest_first()


def tasks_to(image: Image) -> ImportTaskQuerySet:
    """Imports whose target is the image's tag, newest first."""
    return tasks_of(image.project).filter(target_name=image.repository, target_tag=image.tag)


def requesters(project: Project) -> list[str]:
    """Who asked for the newest imports of a project, users and robot accounts, by name."""
    newest = ImportTask.objects.filter(project=project).newest_first()[:REQUESTERS_OF]
    names = newest.values_list("requested_by__username", "robot")
    return sorted({user or robot for user, robot in names} - {""})


def with_names(project: Project) -> ImportTaskQuerySet:
    """Imports of a project with the names that the page of one of them shows, and no more of the rows behind them."""
    once = ExpressionWrapper(~Q(password=""), output_field=BooleanField())
    return (
        tasks_of(project)
        .select_related("requested_by", "approval__decided_by")
        .annotate(
            once=once,
            credential_name=F("credential__name"),
            batch_name=F("batch__name"),
            schedule_image=F("schedule__image_url"),
        )
    )


def requested(project: Project) -> ImportTaskQuerySet:
    """Imports of a project that wait for approval, newest first, with why."""
    return tasks_of(project).requested().select_related("requested_by", "approval")


def to_act_on(project: Project) -> ImportTaskQuerySet:
    """Imports of a project as the services need them: whole, with project and credential."""
    return ImportTask.objects.filter(project=project).select_related("project", "credential")


def with_details(found: ImportTaskQuerySet) -> ImportTaskQuerySet:
    """With what an answer about a single one has in it: layers, history, who asked, what was decided."""
    return found.prefetch_related("layers", "history").select_related("requested_by", "approval__decided_by")


def detailed() -> ImportTaskQuerySet:
    """Imports with all that an answer about a single one has in it."""
    return with_details(ImportTask.objects.all())


def shown_on_project_page(project: Project, most: int) -> list[ImportTask]:
    """What the project page shows on top: what runs, what waits for a worker or for approval, failures of the last day
    that no one dismissed, what arrived just now.

    At most ``most`` of each kind, the newest; one query, each part of it read from its own index. It is asked every two
    seconds by every open page, so it is written down here: to have Django write it took longer than to answer it.
    """
    mine = ImportTask._meta.get_field("project").get_db_prep_value(project.pk, connection)
    recent: list[object] = []
    for seconds in (SHOWN_AFTER_FAILURE, SHOWN_AFTER_SUCCESS):
        since = timezone.now() - dt.timedelta(seconds=seconds)
        recent += [mine, connection.ops.adapt_datetimefield_value(since), most]
    found = ImportTask.objects.raw(_on_project_page(), [*[mine, most] * 3, *recent])
    return list(found)


@cache
def _on_project_page() -> str:
    """Its statement: all columns but the secrets, and whether there are any. Each order is its index's: another would
    be sorted, or read from an index that says nothing of the status."""
    table = ImportTask._meta.db_table
    fields = ImportTask._meta.concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields if field.name not in SECRETS)
    newest = "ORDER BY created_at DESC, id DESC"
    ended_since = "AND dismissed_at IS NULL AND completed_at >= %s ORDER BY completed_at DESC, id DESC"
    kinds = (
        f"status IN {_values(OCCUPYING)}",
        f"status IN {_values([Status.PENDING])} {newest}",
        f"status IN {_values([Status.REQUESTED])} {newest}",
        f"status IN {_values([Status.FAILED])} {ended_since}",
        f"status IN {_values([Status.SUCCESS])} {ended_since}",
    )
    parts = [
        f"SELECT id FROM (SELECT id FROM {table} WHERE project_id = %s AND {kind} LIMIT %s) AS part{number}"
        for number, kind in enumerate(kinds)
    ]
    columns += ", (username <> '' OR password <> '') AS holds_secret"
    return f"SELECT {columns} FROM {table} WHERE id IN ({' UNION ALL '.join(parts)})"


def add_artifact_types(project: Project, tasks: Iterable[ImportTask]) -> None:
    """Give each import that arrived the ``artifact_type`` of what it brought, which says how that is pulled."""
    arrived = [task for task in tasks if task.status == Status.SUCCESS]
    if not arrived:
        return
    rows = Image.objects.filter(project=project, digest__in={task.digest for task in arrived})
    types = dict(rows.exclude(artifact_type="").values_list("digest", "artifact_type"))
    for task in arrived:
        task.artifact_type = types.get(task.digest, "")  # type: ignore[attr-defined]


def _values(statuses: Iterable[Status]) -> str:
    return "(" + ", ".join(f"'{status.value}'" for status in statuses) + ")"


def arrived(tasks: Iterable[ImportTask]) -> dict[UUID, UUID]:
    """The images that successful imports brought, by import: where the tag is there still. No query where none was.

    All of one project.
    """
    done = [task for task in tasks if task.status == Status.SUCCESS]
    if not done:
        return {}
    names, tags = {task.target_name for task in done}, {task.target_tag for task in done}
    rows = Image.objects.filter(project=done[0].project_id, repository__in=names, tag__in=tags)
    found = {(name, tag): pk for pk, name, tag in rows.values_list("pk", "repository", "tag")}
    targets = {task.pk: found.get((task.target_name, task.target_tag)) for task in done}
    return {task: image for task, image in targets.items() if image is not None}


def brought(image: Image) -> ImportTask | None:
    """The newest import that gave the image's tag the digest that it has; None where a push did."""
    return tasks_to(image).succeeded().filter(digest=image.digest).first()


def brought_all(project: Project, images: Sequence[Image]) -> dict[UUID, ImportTask]:
    """As :func:`brought`, of several images of a project by their ids, with their saved credentials: two queries."""
    target = {
        "target_name": OuterRef("repository"),
        "target_tag": OuterRef("tag"),
        "digest": OuterRef("digest"),
    }
    newest = ImportTask.objects.filter(project=project, **target).succeeded().newest_first()
    rows = Image.objects.filter(project=project, pk__in=[image.pk for image in images])
    found = dict(rows.annotate(import_id=Subquery(newest.values("pk")[:1])).values_list("pk", "import_id"))
    tasks = to_act_on(project).defer(*SECRETS).in_bulk([pk for pk in found.values() if pk is not None])
    return {image: tasks[task] for image, task in found.items() if task in tasks}


def render_message(task: ImportTask) -> str:
    """What the import is doing, in the active language."""
    return shown(task.message, task.message_parts)


def render_error(task: ImportTask | ImportAttempt) -> str:
    """Why it failed, in the active language; empty where it did not."""
    return shown(task.error, task.error_parts)
