"""What a schedule asks of imports, and the import that a scheduled run begins for one tag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.messages import parts
from imageimport.models import Schedule, ScheduleRun
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from oci.reference.parser import Reference


@dataclass(frozen=True, slots=True)
class Import:
    """``task`` began; or ``code`` and ``error`` (parts of a sentence) say why none did. ``result`` is then ``failed``,
    or ``busy`` where another import writes the same tag."""

    task: str | None = None
    code: str = ""
    error: dict[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> str:
        if self.code == "target_busy":
            return "busy"
        return "failed" if self.code else ""


def validated(schedule: Schedule) -> ValidatedImport:
    """What an import of the schedule's image would be; nothing is saved.

    :raises FieldErrors: with every field that is wrong.
    """
    request = _request(schedule, schedule.image_url)
    return prepare(project=schedule.project, user=schedule.created_by, request=request)


def validated_if_it_runs(schedule: Schedule) -> ValidatedImport | None:
    """The same; None where a field is wrong by now: then it imports nothing."""
    try:
        return validated(schedule)
    except FieldErrors:
        return None


def begin_import(run: ScheduleRun, source: Reference, tag: str) -> Import:
    """Ask for the import of one tag, behind those that people ask for."""
    schedule = run.schedule
    request = _request(schedule, str(source.with_tag(tag)), tag)
    try:
        task = services.submit(
            project=schedule.project,
            user=schedule.created_by,
            request=request,
            run=run,
        )
    except ApplicationError as exc:
        return Import(code=exc.code, error=parts(exc.template, exc.params))
    except FieldErrors as exc:
        return Import(code="invalid_reference", error=parts(exc.first))
    return Import(task=str(task.pk))


def _request(schedule: Schedule, image_url: str, tag: str = "") -> ImportRequest:
    return ImportRequest(
        image_url=image_url,
        target_name=schedule.target_name,
        target_tag=tag,
        credential=schedule.credential,
        platforms=schedule.platforms,
        platforms_by_default=schedule.platforms_by_default,
    )
