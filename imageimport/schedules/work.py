"""The import that a scheduled run begins for one tag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imageimport.choices import Priority
from imageimport.exceptions import FieldErrors, Refused
from imageimport.messages import parts
from imageimport.models import ScheduleRun
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
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


def begin_import(run: ScheduleRun, source: Reference, tag: str) -> Import:
    """Ask for the import of one tag, behind those that people ask for."""
    schedule = run.schedule
    request = ImportRequest(
        image_url=f"{source.registry}/{source.repository}:{tag}",
        target_name=schedule.target_name,
        target_tag=tag,
        credential=schedule.credential,
        platforms=schedule.platforms,
    )
    try:
        task = services.submit(
            project=schedule.project,
            user=schedule.created_by,
            request=request,
            priority=Priority.SCHEDULED,
            schedule=schedule,
            schedule_run=run,
        )
    except Refused as exc:
        return Import(code=exc.code, error=parts(exc.detail))
    except FieldErrors as exc:
        sentence = next(iter(exc.errors.values()))[0]
        return Import(code="invalid_reference", error=parts(sentence))
    return Import(task=str(task.pk))
