"""What a project holds: its bytes and those that others hold too, how it grew, what is never pulled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from projects.models import Holding, Project, Role
from projects.retention import usage as stored_usage
from projects.retention.usage import Growth
from projects.views.answers import render_project
from projects.views.decorators import project_view

#: Height of the chart, in its own units, and the place of one day.
_HEIGHT: Final = 100
_STEP: Final = 8
#: Tags that are named: the largest that no one pulls.
_MAX_ROWS: Final = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart, in its units."""

    x: int
    y: int
    height: int
    day: Growth


@require_GET
@project_view(Role.VIEWER)
def usage(request: HttpRequest, project: Project) -> HttpResponse:
    """Numbers, a chart and the table that it is made of."""
    found = stored_usage.stored(project)
    context = {
        "stored": found,
        "held": Holding.objects.filter(project=project).first() or Holding(),
        **chart(found.growth),
        "never": stored_usage.never_pulled(project).order_by("-size", "repository", "tag")[:_MAX_ROWS],
    }
    return render_project(request, project, "projects/usage.html", context, tab="images")


def chart(days: list[Growth]) -> dict[str, Any]:
    """What ``projects/_growth.html`` draws."""
    return {
        "bars": _bars(days),
        "width": max(1, len(days)) * _STEP,
        "days": list(reversed(days)),
    }


def _bars(days: list[Growth]) -> list[Bar]:
    """A bar for each day; the highest is as high as the chart."""
    most = max((day.bytes for day in days), default=0) or 1
    heights = [max(1, round(day.bytes / most * _HEIGHT)) if day.bytes else 0 for day in days]
    return [
        Bar(number * _STEP, _HEIGHT - height, height, day)
        for number, (day, height) in enumerate(zip(days, heights, strict=True))
    ]
