"""Grants to write are remembered, and nobody writes while garbage is collected."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts.exceptions import ApplicationError
from projects.models import AuditEvent, Collection, PushGrant
from projects.retention import collection
from projects.token_service import writers
from projects.token_service.tokens import LIFETIME, PORTAL, Access, mint
from testbed.images import random_image
from tests.support.people import PASSWORD, Team, call
from tests.support.services.door import Door

pytestmark = pytest.mark.django_db
State = Collection.State
LATER = dt.timedelta(seconds=collection.SETTLE_SECONDS)


@pytest.fixture
def elsewhere(settings: Any) -> Iterator[None]:
    """An installation that can collect, seen from a process that does not see the files."""
    settings.REGISTRY_AUTH, settings.REGISTRY_STORAGE = "token", "/nowhere/at/all"
    yield


def asked(ago: dt.timedelta = LATER) -> Collection:
    made = collection.request(user=None)
    Collection.objects.filter(pk=made.pk).update(asked_at=timezone.now() - ago)
    return made


@pytest.mark.django_db(transaction=True)
def test_a_collection_waits_for_tokens_as_long_as_the_registry_takes_them(door: Door) -> None:
    """Distribution takes a token for a minute after it has run out."""
    image = random_image([1000], seed=1)
    name = f"g{uuid.uuid4().hex[:10]}/app"
    door.put(name, "1", image)

    def pushed(seconds_after_its_end: int) -> int:
        access = [Access("repository", name, ("pull", "push"))]
        token = mint(subject=PORTAL, access=access, seconds=-seconds_after_its_end).text
        body: dict[str, Any] = {
            "data": image.manifest.data,
            "headers": {"Content-Type": image.manifest.media_type},
        }
        return door.manifest("PUT", name, "2", token=token, **body).status_code

    assert pushed(30) == 201
    assert pushed(writers.TOKEN_SECONDS - LIFETIME - writers.GRANT_EVERY) == 401


def test_grants_are_remembered_once_in_a_few_seconds_and_never_forgotten() -> None:
    now = timezone.now()
    for second in range(12):
        writers.note_grant(now + dt.timedelta(seconds=second))
    until = writers.written_until(now + dt.timedelta(seconds=11))
    assert until is not None and until >= now + dt.timedelta(
        seconds=11 + writers.TOKEN_SECONDS - writers.GRANT_EVERY
    )
    assert PushGrant.objects.count() == 1


def test_what_the_portal_writes_for_people_is_refused_with_a_time_to_come_back(elsewhere: None) -> None:
    team = Team.make()
    image = team.image()
    asked()
    path = f"/projects/{team.project.pk}/images/{image.pk}"
    answer = call("DELETE", path, headers=team.bearer("maintainer"))
    assert (answer.status_code, answer.json()["code"]) == (503, "registry_busy")
    assert int(answer.headers["Retry-After"]) == writers.COME_BACK
    with pytest.raises(ApplicationError):
        writers.refuse_while_held()


@pytest.mark.django_db(transaction=True)
def test_the_door_refuses_pushes_with_503_and_lets_people_pull(
    door: Door, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "GRANT_EVERY", 0)
    settings.REGISTRY_STORAGE = str(door.registry.plan.directory / "data")
    name = f"g{uuid.uuid4().hex[:10]}"
    team = Team.make(name)
    digest = door.put(f"{name}/app", "1")
    who = (f"{name}-developer", PASSWORD)
    push, pull = f"repository:{name}/app:pull,push", f"repository:{name}/app:pull"
    assert door.token(push, auth=who).status_code == 200
    made = collection.request(user=team.users["superuser"])
    before = PushGrant.objects.get().at
    elsewhere = f"repository:{name}/other:pull,push"
    assert door.token(elsewhere, auth=who).status_code == 503
    granted = AuditEvent.objects.filter(action="registry.granted").values_list("subject", flat=True)
    assert f"repository:{name}/app:pull,push" in granted
    assert not any("other" in subject for subject in granted)
    refused = door.token(push, auth=who)
    assert PushGrant.objects.get().at == before, "what is refused does not put the collection off"
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == str(writers.COME_BACK)
    assert refused.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert "cleaned up" in refused.json()["detail"]
    copied = door.skopeo(
        "copy", door.reference(f"{name}/app", "1"), door.reference(f"{name}/app", "2"), creds=":".join(who)
    )
    assert copied.returncode != 0
    assert door.token(pull, auth=who).status_code == 200
    read = door.skopeo("inspect", door.reference(f"{name}/app", "1"), creds=":".join(who))
    assert read.returncode == 0 and digest in read.stdout
    Collection.objects.filter(pk=made.pk).update(state=State.DONE)
    assert door.token(push, auth=who).status_code == 200
