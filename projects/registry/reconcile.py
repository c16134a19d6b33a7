"""Comparing the image index with the registry from time to time, for what no notice told.

Only what the registry says for certain changes a row: a registry that is away, slow or confused leaves all as it is.
Cheap: one list of tags a repository, and a HEAD for tags that are new or were not compared for the longest time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections
from django.db.models import F
from django.utils import timezone

from oci.copy.referrers import is_attachment_tag
from oci.errors import OciError
from oci.registry.repository import Repository
from projects.models import Image, Project
from projects.registry import tag_notices
from projects.registry.catalog import catalog, list_tags
from projects.registry.client import PULL, opened_repository
from projects.registry.index import bring_up_to_date
from projects.token_service.scopes import split_repository

log = structlog.get_logger(__name__)

#: Known tags that one run compares by HEAD.
MAX_COMPARED: Final = 1000
#: A run ends after this long; the next one begins with what waits longest. Seconds.
MAX_SECONDS: Final = 240.0


@dataclass
class Report:
    """What a run did."""

    repositories: int = 0
    compared: int = 0
    found: int = 0
    removed: int = 0
    moved: int = 0
    errors: list[str] = field(default_factory=list)


def reconcile(*, seconds: float = MAX_SECONDS) -> Report:
    """Compare once. Raises nothing that the registry did; it is in the report and the log."""
    report = Report()
    deadline = time.monotonic() + seconds
    try:
        repositories = _repositories()
    except OciError as exc:
        log.warning("reconcile.registry_away", code=exc.code, error=str(exc))
        report.errors.append(str(exc))
        return report
    for (project, inside), tags in repositories.items():
        if time.monotonic() > deadline:
            break
        report.repositories += 1
        _compare_tags(project, inside, tags, report)
        # A long run holds one of the places for housekeeping: what is pushed during it need not wait for its end.
        tag_notices.look_due()
    _compare_digests(report, deadline)
    counts = {name: value for name, value in vars(report).items() if name != "errors"}
    log.info("reconcile.done", **counts, failed=len(report.errors))
    return report


def _repositories() -> dict[tuple[Project, str], set[str]]:
    """Every repository that the index or the registry knows, with the tags that the index knows."""
    there = catalog() or ()
    projects = {project.pk: project for project in Project.objects.all()}
    by_name = {project.name: project for project in projects.values()}
    known: dict[tuple[Project, str], set[str]] = {}
    for project, repository, tag in Image.objects.values_list("project_id", "repository", "tag").iterator():
        if project in projects:
            known.setdefault((projects[project], repository), set()).add(tag)
    for name in there:
        where = split_repository(name)
        if where is not None and where[0] in by_name:
            known.setdefault((by_name[where[0]], where[1]), set())
    return known


def _compare_tags(project: Project, inside: str, known: set[str], report: Report) -> None:
    """Find tags that only one side knows. Each is asked for by itself before its row is made or removed."""
    name = f"{project.name}/{inside}"
    with _noting(report, name), opened_repository(name, PULL) as repository:
        listed = set(list_tags(repository))
        there = {tag for tag in listed if tag in known or not is_attachment_tag(tag)}
        for tag in sorted(there ^ known):
            with _noting(report, f"{name}:{tag}", passing=False):
                row = bring_up_to_date(repository, project, inside, tag)
                report.found += tag in there and row is not None
                report.removed += tag in known and row is None


def _compare_digests(report: Report, deadline: float) -> None:
    """Find tags that moved, those first that were not looked at for longest."""
    oldest = Image.objects.select_related("project").order_by(F("checked_at").asc(nulls_first=True), "id")
    grouped: dict[str, list[Image]] = {}
    for row in oldest[:MAX_COMPARED]:
        grouped.setdefault(f"{row.project.name}/{row.repository}", []).append(row)
    for name, rows in grouped.items():
        if time.monotonic() > deadline:
            return
        before = len(report.errors)
        with _noting(report, name), opened_repository(name, PULL) as there:
            _compare_each(there, rows, report)
        if len(report.errors) > before:
            # Otherwise a row that can't be compared stays the oldest, and a thousand of them fill every run.
            Image.objects.filter(pk__in=[row.pk for row in rows]).update(checked_at=timezone.now())
        tag_notices.look_due()


def _compare_each(there: Repository, rows: Iterable[Image], report: Report) -> None:
    for row in rows:
        report.compared += 1
        with _noting(report, f"{there.name}:{row.tag}", passing=False):
            now = bring_up_to_date(there, row.project, row.repository, row.tag)
            report.removed += now is None
            report.moved += now is not None and now.digest != row.digest


@contextmanager
def _noting(report: Report, name: str, *, passing: bool = True) -> Iterator[None]:
    """What fails with one repository or tag is told, and the next one is looked at.

    :param passing: also what may pass, as a registry that is away: it would be the same with the next.
    """
    try:
        yield
    except OciError as exc:
        if exc.retryable and not passing:
            raise
        log.warning("reconcile.repository_failed", repository=name, code=exc.code, error=str(exc))
        report.errors.append(str(exc))
    except Exception as exc:
        if isinstance(exc, (OperationalError, InterfaceError)):
            close_old_connections()
        log.exception("reconcile.repository_broke", repository=name)
        report.errors.append(f"{name}: {type(exc).__name__}")
