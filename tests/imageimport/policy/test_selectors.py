"""What rules would have done: as far as it is known, and for as many imports as one answer may take."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.choices import Action
from imageimport.policy import selectors, services
from projects.models import Project
from tests.support.factories import ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db
KNOWN = {"bytes_total": 10, "platforms": ["linux/amd64"]}


@pytest.fixture
def project() -> Project:
    made: Project = ProjectFactory()
    return made


def imported(project: Project, tag: str = "1", **more: Any) -> None:
    image = f"docker.io/library/nginx:{tag}"
    TaskFactory(project=project, image_url=image, source_image=image, target_tag=tag, **more)


def tried(project: Project | None, **requires: Any) -> dict[str, int]:
    draft = services.draft(
        project=project, values={"name": "R", "action": Action.ALLOW, "requires": requires}
    )
    found = selectors.dry_run(project=project, days=1, draft=draft)
    assert found.imports == found.allow + found.approve + found.refuse + found.unknown
    counts = {name: getattr(found, name) for name in ("allow", "approve", "refuse", "unknown")}
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize(
    ("requires", "known", "met"),
    [
        ({}, {}, "allow"),
        ({"min_age_days": 3}, KNOWN, "unknown"),
        ({"max_severity": "high"}, KNOWN, "unknown"),
        ({"max_bytes": 20}, {"bytes_total": 0}, "unknown"),
        ({"max_bytes": 20}, KNOWN, "allow"),
        ({"max_bytes": 5}, KNOWN, "refuse"),
        ({"max_bytes": 5, "min_age_days": 3}, KNOWN, "refuse"),
        ({"platforms": ["linux/amd64"]}, {"platforms": []}, "unknown"),
        ({"platforms": ["linux/amd64"]}, KNOWN, "allow"),
        ({"signed_by": ["0197a000-0000-7000-8000-000000000000"]}, KNOWN, "unknown"),
    ],
)
def test_what_is_not_known_of_an_image_is_not_taken_for_allowed(
    project: Project, requires: dict[str, Any], known: dict[str, Any], met: str
) -> None:
    imported(project, **known)
    assert tried(project, **requires) == {met: 1}
    assert tried(None, **requires) == {met: 1}


@pytest.mark.parametrize(
    ("limits", "imports"),
    [
        ({"MAX_IMPORTS": 3}, 3),
        ({"MAX_IMPORTS": 2}, 2),
        # To read the rule counts as ten questions.
        ({"MAX_QUESTIONS": 13}, 3),
        ({"MAX_QUESTIONS": 12}, 2),
    ],
)
def test_a_dry_run_ends_where_it_would_take_too_long_and_says_so(
    project: Project, limits: dict[str, int], imports: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tag in ("1", "2", "3"):
        imported(project, tag)
    services.create(project=project, user=None, name="R", action=Action.REFUSE)
    for name, value in limits.items():
        monkeypatch.setattr(selectors, name, value)
    found = selectors.dry_run(project=project, days=1)
    assert (found.imports, found.refuse, found.truncated) == (imports, imports, imports < 3)
