"""What may be seen of imports: querysets for lists and pages, and their sentences in the reader's language."""

# ruff: noqa: S608 - the one statement that is put together here is made of names of our own
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils import timezone

from imageimport.choices import ACTIVE, OCCUPYING, Status
from imageimport.messages import shown
from imageimport.models import ImportAttempt, ImportTask
from projects.models import Image, Project

#: A finished import stays on the project page this long, so that its end is seen. Seconds.
SHOWN_AFTER_SUCCESS = 30
#: What no list, page or answer reads.
SECRETS: Final = ("username", "password")


def tasks_of(project: Project) -> QuerySet[ImportTask]:
    """All imports of a project, newest first, without what lists don't show."""
    return _for_lists(ImportTask.objects.filter(project=project)).order_by("-created_at", "-id")


def running_of(project: Project) -> QuerySet[ImportTask]:
    """Imports of a project that have not ended."""
    return tasks_of(project).filter(status__in=ACTIVE)


def shown_on_project_page(project: Project, most: int) -> list[ImportTask]:
    """What the project page shows on top: what runs, what waits, failures nobody dismissed, what arrived just now.

    At most ``most`` of each kind, the newest; one query, each part of it read from its own index. It is asked every two
    seconds by every open page, so it is written down here: to have Django write it took longer than to answer it.
    """
    recently = timezone.now() - dt.timedelta(seconds=SHOWN_AFTER_SUCCESS)
    mine = ImportTask._meta.get_field("project").get_db_prep_value(project.pk, connection)
    found = ImportTask.objects.raw(
        _on_project_page(),
        [mine, most, mine, most, mine, most, mine, connection.ops.adapt_datetimefield_value(recently), most],
    )
    return list(found)


@cache
def _on_project_page() -> str:
    """Its statement: all columns but the secrets, and whether there are any. Each order is its index's: another would
    be sorted, or read from an index that says nothing of the status."""
    table = ImportTask._meta.db_table
    fields = ImportTask._meta.concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields if field.name not in SECRETS)
    newest = "ORDER BY created_at DESC, id DESC"
    kinds = (
        f"status IN {_values(OCCUPYING)}",
        f"status IN {_values([Status.PENDING])} {newest}",
        f"status IN {_values([Status.FAILED])} AND dismissed_at IS NULL {newest}",
        f"status IN {_values([Status.SUCCESS])} AND dismissed_at IS NULL AND completed_at >= %s"
        " ORDER BY completed_at DESC",
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
    rows = tasks_of(image.project).filter(target_name=image.repository, target_tag=image.tag)
    return rows.filter(status=Status.SUCCESS, digest=image.digest).first()


def render_message(task: ImportTask) -> str:
    """What the import is doing, in the active language."""
    return shown(task.message, task.message_parts)


def render_error(task: ImportTask | ImportAttempt) -> str:
    """Why it failed, in the active language; empty where it did not."""
    return shown(task.error, task.error_parts)


def _for_lists(rows: QuerySet[ImportTask]) -> QuerySet[ImportTask]:
    """With the name of who asked; without secrets, but with whether there are any."""
    held = ExpressionWrapper(~Q(password="") | ~Q(username=""), output_field=BooleanField())
    return rows.select_related("requested_by").defer(*SECRETS).annotate(holds_secret=held)
