"""Projects go with all their tags, or stay."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from accounts.exceptions import ApplicationError
from oci.errors import OciError
from projects.models import Collection, Image, Project
from projects.registry import removal
from projects.registry.catalog import tags_of
from projects.registry.delete import delete_tag
from projects.registry.reconcile import reconcile
from stack.sample import sample_image
from testbed.services import RegistryServer
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


def test_a_project_that_the_registry_does_not_let_go_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team.make()
    team.image()

    def refuse(**_: object) -> None:
        raise OciError("target_error", "%(host)s is away.", retryable=True, host="registry.test")

    monkeypatch.setattr(removal, "repositories_of", lambda _: ["team/app"])
    monkeypatch.setattr(removal, "tags_of", lambda _: ["1"])
    monkeypatch.setattr(removal, "delete_tag", refuse)
    answer = call("DELETE", f"/projects/{team.project.pk}", headers=team.bearer("owner"))
    assert answer.status_code == 503
    assert answer.json() == {"code": "target_error", "detail": "registry.test is away."}
    assert int(answer.headers["Retry-After"]) > 0
    assert Project.objects.filter(pk=team.project.pk).exists()
    assert Image.objects.count() == 1


def test_a_project_that_is_being_deleted_makes_way_for_a_collection(
    own_registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting takes minutes where there are many tags, and a collection begins seconds after it is asked for."""
    team = Team.make(f"d{uuid.uuid4().hex[:10]}")
    name = f"{team.project.name}/app"
    for tag in "123":
        own_registry.push(name, tag, sample_image())

    def then_asked(**what: str) -> bool:
        done = delete_tag(**what)
        Collection.objects.create()
        return done

    monkeypatch.setattr(removal, "delete_tag", then_asked)
    with pytest.raises(ApplicationError) as caught:
        removal.delete_project(project=team.project, user=team.users["owner"])
    assert caught.value.code == "registry_busy"
    assert len(tags_of(name)) == 2
    assert Project.objects.filter(pk=team.project.pk).exists()
    Collection.objects.update(state=Collection.State.DONE)
    monkeypatch.setattr(removal, "delete_tag", delete_tag)
    removal.delete_project(project=team.project, user=team.users["owner"])
    assert tags_of(name) == []
    assert not Project.objects.filter(pk=team.project.pk).exists()


def test_a_project_goes_with_all_its_tags_so_that_none_is_found_in_the_next_of_its_name(
    registry: RegistryServer, settings: Any
) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    team = Team.make("goesaway")
    registry.push("goesaway/seen", "1", sample_image())
    reconcile()
    registry.push("goesaway/unseen", "1", sample_image())
    assert call("DELETE", f"/projects/{team.project.pk}", headers=team.bearer("owner")).status_code == 204
    assert tags_of("goesaway/seen") == tags_of("goesaway/unseen") == []
