"""A project, and the demand that someone has signed what it imports."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imageimport.choices import Action
from imageimport.models import TrustAnchor
from imageimport.policy import services
from projects.models import Project
from tests.support.factories import ProjectFactory


@pytest.fixture
def project() -> Project:
    made: Project = ProjectFactory()
    return made


@pytest.fixture
def demanded(project: Project) -> Callable[[TrustAnchor], None]:
    """A rule of the project says that an anchor must have signed."""

    def demand(anchor: TrustAnchor) -> None:
        services.create(
            project=project,
            user=None,
            name="signed",
            action=Action.ALLOW,
            requires={"signed_by": [anchor.pk]},
        )

    return demand
