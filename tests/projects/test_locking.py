"""Rows that several processes want at once: one holds them, and what a dead one held is free again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from projects.locking import LeaseLost, Leases
from projects.models import LayerIndex

CLAIMS = Leases("claimed_until", 60)
pytestmark = pytest.mark.django_db


def test_a_row_is_free_until_it_is_taken_and_once_its_time_is_up() -> None:
    now = timezone.now()
    LayerIndex.objects.create(digest="sha256:1")
    assert CLAIMS.take(LayerIndex.objects.filter(CLAIMS.is_free(now)), now)
    for later, free in ((now, 0), (now + dt.timedelta(seconds=59), 0), (now + dt.timedelta(seconds=60), 1)):
        assert LayerIndex.objects.filter(CLAIMS.is_free(later)).count() == free
        assert LayerIndex.objects.filter(CLAIMS.is_held(later)).count() == 1 - free


def test_of_two_that_saw_it_free_one_gets_it() -> None:
    now = timezone.now()
    LayerIndex.objects.create(digest="sha256:1")
    seen = LayerIndex.objects.filter(CLAIMS.is_free(now))
    assert [CLAIMS.take(seen, now, bytes_done=number) for number in (1, 2)] == [True, False]
    assert LayerIndex.objects.get().bytes_done == 1


def test_a_lease_is_renewed_by_its_holder_and_lost_to_another() -> None:
    now = timezone.now()
    row = LayerIndex.objects.create(digest="sha256:1", claimed_until=CLAIMS.until(now))
    mine = LayerIndex.objects.filter(pk=row.pk, bytes_done=0)
    CLAIMS.renew(mine, now + dt.timedelta(seconds=30))
    assert LayerIndex.objects.get().claimed_until == now + dt.timedelta(seconds=90)
    LayerIndex.objects.update(bytes_done=1)
    with pytest.raises(LeaseLost):
        CLAIMS.renew(mine, now)


def test_what_is_given_back_is_free_at_once_and_only_by_its_holder() -> None:
    now = timezone.now()
    row = LayerIndex.objects.create(digest="sha256:1", claimed_until=CLAIMS.until(now))
    assert not CLAIMS.give_back(LayerIndex.objects.filter(pk=row.pk, bytes_done=7))
    assert CLAIMS.give_back(LayerIndex.objects.filter(pk=row.pk, bytes_done=0), entries=3)
    assert LayerIndex.objects.filter(CLAIMS.is_free(now), entries=3).exists()
