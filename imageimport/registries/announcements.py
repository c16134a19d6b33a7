"""What imports of all processes add to lists of referrers, told through the database: it is there when Redis is not."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Final

from django.utils import timezone

from imageimport.models import ReferrerAnnouncement
from oci.copy.observer import REMEMBERED_SECONDS, Entry

#: What an entry says beyond this is in its manifest, too; characters.
ENTRY_CHARS: Final = 16_384
#: What a list needs of an entry at least.
_NEEDED: Final = ("mediaType", "digest", "size", "artifactType")


class SharedAnnouncements:
    """:class:`oci.copy.observer.Announcements` over rows. Its calls come from the attempt's own thread."""

    def add(self, key: str, entries: Mapping[str, Entry]) -> None:
        ReferrerAnnouncement.objects.bulk_create(
            [
                ReferrerAnnouncement(key=key, digest=digest, entry=_short(each))
                for digest, each in entries.items()
            ],
            update_conflicts=True,
            unique_fields=["key", "digest"],
            update_fields=["entry", "at"],
        )

    def get(self, key: str) -> dict[str, Entry]:
        """The newest come last: where a list is full, the oldest are left out."""
        rows = ReferrerAnnouncement.objects.filter(key=key, at__gt=remembered_since(timezone.now()))
        return dict(rows.order_by("at", "id").values_list("digest", "entry"))


def remembered_since(now: dt.datetime) -> dt.datetime:
    """What was announced before this moment is forgotten."""
    return now - dt.timedelta(seconds=REMEMBERED_SECONDS)


def _short(entry: Entry) -> Entry:
    if len(json.dumps(dict(entry))) <= ENTRY_CHARS:
        return dict(entry)
    return {key: entry[key] for key in _NEEDED if key in entry}
