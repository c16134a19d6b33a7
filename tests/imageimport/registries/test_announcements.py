"""What imports in other processes add to a list of referrers is known here, with Redis away too."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from imageimport.models import ReferrerAnnouncement
from imageimport.registries.announcements import ENTRY_CHARS, SharedAnnouncements
from imageimport.worker.housekeeping import prune
from oci.copy.observer import REMEMBERED_SECONDS

pytestmark = pytest.mark.django_db

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def entry(digest: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 7, **more}


@pytest.fixture(autouse=True)
def no_redis(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def test_what_one_process_adds_the_others_know_and_no_other_list_does() -> None:
    one, other = SharedAnnouncements(), SharedAnnouncements()
    one.add("r/app@one", {DIGEST: entry(DIGEST)})
    other.add("r/app@one", {OTHER: entry(OTHER)})
    assert one.get("r/app@one") == other.get("r/app@one") == {DIGEST: entry(DIGEST), OTHER: entry(OTHER)}
    assert list(one.get("r/app@one")) == [DIGEST, OTHER], "the newest come last"
    assert one.get("r/app@two") == {}


def test_what_is_announced_again_is_news_again() -> None:
    told = SharedAnnouncements()
    told.add("r/app@one", {DIGEST: entry(DIGEST)})
    told.add("r/app@one", {OTHER: entry(OTHER)})
    told.add("r/app@one", {DIGEST: entry(DIGEST, artifactType="a/b")})
    assert list(told.get("r/app@one").items()) == [
        (OTHER, entry(OTHER)),
        (DIGEST, entry(DIGEST, artifactType="a/b")),
    ]


def test_an_entry_that_says_too_much_is_told_in_short() -> None:
    SharedAnnouncements().add("r/long@one", {DIGEST: entry(DIGEST, annotations={"note": "x" * ENTRY_CHARS})})
    assert SharedAnnouncements().get("r/long@one") == {DIGEST: entry(DIGEST)}


def test_what_was_announced_is_forgotten_after_a_while() -> None:
    told = SharedAnnouncements()
    told.add("r/app@one", {DIGEST: entry(DIGEST), OTHER: entry(OTHER)})
    old = timezone.now() - dt.timedelta(seconds=REMEMBERED_SECONDS + 1)
    ReferrerAnnouncement.objects.filter(digest=DIGEST).update(at=old)
    assert told.get("r/app@one") == {OTHER: entry(OTHER)}
    assert prune()["announcements"] == 1
    assert ReferrerAnnouncement.objects.get().digest == OTHER
