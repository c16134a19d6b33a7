"""Groups are read here, as where an identity provider names them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import Team


@pytest.fixture(autouse=True)
def _groups_are_read(settings: Any) -> None:
    settings.OIDC_GROUPS_CLAIM = "groups"


@pytest.fixture
def team() -> Team:
    return Team.make()
