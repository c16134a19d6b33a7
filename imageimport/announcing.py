"""What imports of all processes add to lists of referrers, told through Redis.

With Redis away each process knows its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from imageimport.flights import OverRedis
from oci.announced import LOCAL, REMEMBERED_SECONDS, Entry, LocalAnnouncements

#: What an entry says beyond this is in its manifest, too; characters.
ENTRY_CHARS: Final = 16_384
#: What a list needs of an entry at least.
_NEEDED: Final = ("mediaType", "digest", "size", "artifactType")


class SharedAnnouncements(OverRedis):
    """:class:`oci.announced.Announcements` over Redis. Thread-safe.

    :param local: what this process remembers by itself.
    """

    def __init__(self, local: LocalAnnouncements = LOCAL) -> None:
        super().__init__()
        self._local = local

    def add(self, key: str, entries: Mapping[str, Entry]) -> None:
        self._local.add(key, entries)
        if not entries:
            return
        name, fields = _name(key), {digest: _text(entry) for digest, entry in entries.items()}

        def tell(shared: Any) -> None:
            with shared.pipeline() as steps:
                steps.hset(name, mapping=fields)
                steps.expire(name, round(REMEMBERED_SECONDS))
                steps.execute()

        self.ask(tell, None)

    def get(self, key: str) -> dict[str, Entry]:
        nothing: Any = {}
        told = self.ask(lambda shared: shared.hgetall(_name(key)), nothing)
        others = {digest.decode(): json.loads(entry) for digest, entry in told.items()}
        own = self._local.get(key)
        # One's own are the newest, and come last.
        return {digest: entry for digest, entry in others.items() if digest not in own} | own


def _text(entry: Entry) -> str:
    text = json.dumps(dict(entry))
    return (
        text if len(text) <= ENTRY_CHARS else json.dumps({key: entry[key] for key in _NEEDED if key in entry})
    )


def _name(key: str) -> str:
    return f"portal:referrers:{hashlib.sha256(key.encode()).hexdigest()}"
