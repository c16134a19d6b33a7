"""What bundles hold, and how many of them there may be."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.exceptions import ApplicationError
from imageimport.bundles import services
from imageimport.bundles.composing import Composition, _check_index
from tests.imageimport.bundles.conftest import Giving
from tests.support.people import Team

pytestmark = pytest.mark.django_db


def test_a_person_and_a_project_have_so_many_bundles_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Composition('{"annotations":{}}', [], [1], [], [])
    monkeypatch.setattr(services, "compose", lambda *_, **__: empty)
    monkeypatch.setattr(services, "MAX_OF_ONE", 2)
    monkeypatch.setattr(services, "MAX_OF_ALL", 3)
    team = Team.make()

    def make(caller: str) -> Any:
        request = services.BundleRequest(images=["app:1"])
        return services.create(project=team.project, user=team.users[caller], request=request)

    make("viewer")
    make("viewer")
    with pytest.raises(ApplicationError, match="You already have 2 bundles"):
        make("viewer")
    make("developer")
    with pytest.raises(ApplicationError, match="This project already has 3 bundles"):
        make("owner")


def test_an_index_that_the_other_side_would_refuse_is_refused_here(
    giving: Giving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci.limits.JSON_DEPTH", 1)
    request = services.BundleRequest(images=["six:1"])
    monkeypatch.setattr(services, "compose", lambda *_, **__: _check_index('{"annotations":{}}'))
    with pytest.raises(ApplicationError, match="too long to be read") as refused:
        services.plan(project=giving.team.project, request=request)
    assert refused.value.code == "bundle_too_large"


def test_only_a_volume_without_room_is_said_to_be_too_small(
    giving: Giving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Composition:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(services, "compose", broken)
    with pytest.raises(ValueError, match="a mistake of ours"):
        services.plan(project=giving.team.project, request=services.BundleRequest(images=["six:1"]))
