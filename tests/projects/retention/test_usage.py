"""What a project's bytes are: own, shared, never pulled, and how they grew."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.utils import timezone

from projects.models import Image, UsageDay
from projects.registry.reconcile import reconcile
from projects.retention import trash, usage
from stack.sample import image_of
from testbed.images import random_image, random_layer
from testbed.services import RegistryServer
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


def test_shared_and_own_bytes_are_those_of_blobs_each_once(registry: RegistryServer, settings: Any) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    one, other = Team.make(f"u{uuid.uuid4().hex[:9]}"), Team.make(f"u{uuid.uuid4().hex[:9]}")
    base, mine, theirs = (random_layer(size, seed=size) for size in (4000, 500, 600))
    own = image_of([base, mine])
    for tag in ("1", "2"):
        registry.push(f"{one.project.name}/app", tag, own)
    registry.push(f"{other.project.name}/app", "1", image_of([base, theirs]))
    reconcile()
    found = call("GET", f"/projects/{one.project.pk}/usage", headers=one.bearer("viewer")).json()
    sizes = {blob.digest: blob.size for blob in own.all_blobs()}
    assert found["bytes"] == 2 * sum(sizes.values())
    assert found["bytes_distinct"] == sum(sizes.values())
    assert found["bytes_shared"] == base.blob.size
    assert (found["images"], found["never_pulled"], found["bytes_trash"]) == (2, 2, 0)
    assert found["limits"] == {"images": None, "bytes": None, "queued": None}
    assert found["growth"] == [{"day": f"{timezone.now():%Y-%m-%d}", "bytes": found["bytes"]}]
    Image.objects.filter(tag="1", project=one.project).update(last_pulled_at=timezone.now(), pull_count=1)
    row = Image.objects.select_related("project").get(project=one.project, tag="2")
    trash.throw_away(image=row, user=None)
    stored = usage.stored(one.project)
    assert (stored.never_pulled, stored.trash, stored.own) == (0, row.size, stored.distinct - stored.shared)


def test_a_tag_that_moves_has_the_blobs_of_what_it_names_now(registry: RegistryServer, settings: Any) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    team = Team.make(f"u{uuid.uuid4().hex[:9]}")
    for seed in (1, 2):
        image = random_image([700 + seed], seed=seed)
        registry.push(f"{team.project.name}/app", "1", image)
        reconcile()
    assert usage.stored(team.project).distinct == sum(blob.size for blob in image.all_blobs())


def test_signatures_and_the_like_are_not_counted_as_never_pulled() -> None:
    team = Team.make()
    row = team.image(tag="1")
    for name in ("sha256-" + "b" * 64, "sha512-" + "c" * 128):
        for suffix in ("", ".sig", ".att", ".sbom"):
            team.image(tag=f"{name}{suffix}")
    like = team.image(tag="sha256-mine")
    assert set(usage.never_pulled(team.project)) == {row, like}
    found = call("GET", f"/projects/{team.project.pk}/usage", headers=team.bearer("viewer")).json()
    assert found["never_pulled"] == 2


def test_growth_is_kept_a_number_a_day() -> None:
    team = Team.make()
    now = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
    for days, size in ((100, 1), (2, 10), (1, 20)):
        team.image(tag=str(days), size=size)
        assert usage.note_day(now - dt.timedelta(days=days)) == 1
    usage.note_day(now - dt.timedelta(days=1))
    assert UsageDay.objects.count() == 3
    assert [(each.day.day, each.bytes) for each in usage.growth(team.project, now)] == [
        (25, 11), (26, 31), (27, 31),
    ]  # fmt: skip
