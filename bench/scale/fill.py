"""Writes a large installation's rows, as quickly as the database takes them: COPY, or one statement for many."""

from __future__ import annotations

import datetime as dt
import json
import random
import time
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone
from psycopg.types.json import Jsonb

from bench.scale import rows
from bench.scale.rows import Row, World
from imageimport.models import ImportAttempt, ImportBatch, ImportLayer, ImportTask, Schedule, TagDigest
from imageimport.search import TASKS
from projects.models import AuditEvent, Image, ImageBlob, ImageScan, Membership, Project, Role
from projects.search.trigrams import EVENTS, IMAGES

PROJECTS: Final = 20
USERS: Final = 50
CHUNK: Final = 20_000
#: The newest tasks still have their layers.
WITH_LAYERS: Final = 2_000

Say = Any


def fill(*, tasks: int, images: int, pending: int = 0, say: Say = lambda _text: None) -> None:
    """Fill an empty database that has all its tables.

    :param pending: how many of the imports wait.
    :raises SystemExit: there are imports already.
    """
    if ImportTask.objects.exists():
        raise SystemExit("There are imports in this database already; fill an empty one.")
    began = time.monotonic()
    world = _world(tasks)
    for index in (TASKS, IMAGES, EVENTS):
        index.drop()
    with _eager():
        for number, chunk in enumerate(_chunks(rows.tasks(world, tasks, pending=pending))):
            _write_tasks(world, chunk, newest=(number + 1) * CHUNK > tasks - WITH_LAYERS)
            say(f"{min(tasks, (number + 1) * CHUNK):,} imports, {time.monotonic() - began:.0f} s")
        noise = random.Random(11)
        for chunk in _chunks(rows.images(world, images)):
            _write(Image, chunk)
            _write(ImageScan, [rows.scan(image, noise) for image in chunk])
            _write(ImageBlob, [blob for image in chunk for blob in rows.blobs(image)], skip=("id",))
            _write(TagDigest, [rows.timeline(image, noise) for image in chunk])
        say(f"{images:,} images, {time.monotonic() - began:.0f} s")
    for index in (TASKS, IMAGES, EVENTS):
        index.ensure()
        say(f"search in {index.table}, {time.monotonic() - began:.0f} s")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # as autovacuum does in time
    say(f"filled in {time.monotonic() - began:.0f} s")


def _world(tasks: int) -> World:
    users = [User(username=f"user{n}") for n in range(USERS)]
    User.objects.bulk_create(users)
    User.objects.create_superuser("admin")
    names = [*rows.SHARES, *(f"team{n}" for n in range(PROJECTS - len(rows.SHARES)))]
    projects = Project.objects.bulk_create(Project(name=name) for name in names)
    Membership.objects.bulk_create(
        Membership(project=project, user=user, role=Role.DEVELOPER)
        for project in projects
        for user in users[: USERS // 2]
    )
    batches = [
        ImportBatch(project=projects[0], name=f"batch {n}")
        for n in range(max(60, tasks // (10 * rows.BATCH)))
    ]
    ImportBatch.objects.bulk_create(batches, batch_size=500)
    schedules = Schedule.objects.bulk_create(
        Schedule(
            project=projects[0], image_url="nginx", cron="0 3 * * *", enabled=False, target_name=f"nginx{n}"
        )
        for n in range(2)
    )
    return World(
        projects=[(project.pk, project.name) for project in projects],
        users=[user.pk for user in users],
        batches=[batch.pk for batch in batches],
        schedules=[schedule.pk for schedule in schedules],
        now=timezone.now(),
    )


def _write_tasks(world: World, tasks: list[Row], *, newest: bool) -> None:
    noise = random.Random(str(tasks[0]["id"]))
    _write(ImportTask, tasks)
    _write(ImportAttempt, [found for task in tasks if (found := rows.attempt(task))], skip=("id",))
    _write(AuditEvent, [rows.event(world, task, noise) for task in tasks])
    if newest:
        fresh = [layer for task in tasks[-WITH_LAYERS:] for layer in rows.layers(task)]
        _write(ImportLayer, fresh, skip=("id",))


def _chunks(found: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(found)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _write(model: type[Model], found: list[Row], *, skip: tuple[str, ...] = ()) -> None:
    fields = [field for field in model._meta.concrete_fields if field.name not in skip]
    fixed = [field.get_db_prep_save(field.get_default(), connection) for field in fields]
    places = {field.name: place for place, field in enumerate(fields)}
    native = _native if connection.vendor == "postgresql" else _text

    def values(row: Row) -> list[Any]:
        filled = fixed.copy()
        for name, value in row.items():
            filled[places[name]] = native(value)
        return filled

    columns = ", ".join(f'"{field.column}"' for field in fields)
    table = model._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as copy:
                for row in found:
                    copy.write_row(values(row))
        else:
            marks = ", ".join(["%s"] * len(fields))
            statement = f'INSERT INTO "{table}" ({columns}) VALUES ({marks})'  # noqa: S608 - names of our own models
            cursor.executemany(statement, [values(row) for row in found])


def _text(value: Any) -> Any:
    """As Django writes it into SQLite, without asking each field: that takes longer than the database does."""
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, dt.datetime):
        return str(value.astimezone(dt.UTC).replace(tzinfo=None))
    return json.dumps(value) if isinstance(value, dict | list) else value


def _native(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict | list) else value


class _eager:  # noqa: N801 - used as a context only
    """SQLite without waiting for the disk: a database that is filled in one go is thrown away if that fails."""

    def __enter__(self) -> None:
        self._set("OFF", -400_000)

    def __exit__(self, *_: object) -> None:
        self._set("NORMAL", -16_000)

    def _set(self, synchronous: str, cache: int) -> None:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA synchronous={synchronous}")
                cursor.execute(f"PRAGMA cache_size={cache}")
