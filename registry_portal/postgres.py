"""What each connection asks of PostgreSQL, whatever its configuration.

Not to wait for a peer that is gone: a machine that vanishes in the middle of a transaction leaves its locks held, the
claim's among them, for as long as the server believes in it: by default two hours, in which no import of the whole
installation would start.

Not to start other processes for an answer, nor a compiler: every question here is for a few rows through an index. Of
how many rows contain a part of a word PostgreSQL knows nothing; where it estimates a third of a million, both cost
fifty milliseconds for a search that takes less than one.
"""

from __future__ import annotations

from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

#: A vanished machine is noticed after 25 seconds; a process that hangs inside a transaction loses it after a minute.
#: By SET and not in the connection's options: poolers refuse those.
SESSION: Final = (
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    "SET tcp_user_timeout = '25s'; SET idle_in_transaction_session_timeout = '60s';"
    "SET max_parallel_workers_per_gather = 0; SET jit = off"
)


@receiver(connection_created)
def bound_session(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Set what every session has as soon as it is there."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(SESSION)
