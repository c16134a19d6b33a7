"""What imports say to one another before they change the list under a stand-in tag.

That tag (OCI distribution spec 1.1, "Referrers Tag Schema") is read, merged and put, and no registry makes one step of
it. Of two that do so at once the later one loses the other's entries, and the other may have ended by then. So each
says beforehand what it adds, and each looks afterwards whether all of that is in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

#: An entry of an index, as JSON has it.
Entry = Mapping[str, Any]

#: What was said is remembered for so long, seconds: longer than anyone takes from reading a list to putting it.
REMEMBERED_SECONDS: Final = 600.0
#: Lists that are remembered at once.
MOST_LISTS: Final = 1000


class Announcements(Protocol):
    """Entries by digest, of each list."""

    def add(self, key: str, entries: Mapping[str, Entry]) -> None:
        """These are about to be added to the list ``key``; what they name is at the target already."""

    def get(self, key: str) -> dict[str, Entry]:
        """All that was added to it lately."""


class LocalAnnouncements:
    """Of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: dict[str, dict[str, tuple[float, Entry]]] = {}

    def add(self, key: str, entries: Mapping[str, Entry]) -> None:
        until = time.monotonic() + REMEMBERED_SECONDS
        with self._lock:
            known = self._lists.pop(key, {})
            self._lists[key] = known | {digest: (until, entry) for digest, entry in entries.items()}
            while len(self._lists) > MOST_LISTS:
                self._lists.pop(next(iter(self._lists)))

    def get(self, key: str) -> dict[str, Entry]:
        now = time.monotonic()
        with self._lock:
            known = self._lists.get(key, {})
            return {digest: entry for digest, (until, entry) in known.items() if until > now}


#: Of all imports of this process.
LOCAL: Final = LocalAnnouncements()
