"""How clients of registries behave, and what they share with one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from oci.cancel import CancelToken
from oci.http.pool import IdleConnections
from oci.limits import CLEANUP_SECONDS, CONNECT_SECONDS, HEADERS_SECONDS, STALL_SECONDS
from oci.memory import MemoryBudget
from oci.registry.auth.known import SignIns
from oci.registry.pace import Pace, Unpaced
from oci.registry.rate_limit import LocalRateLimits, RateLimitStore
from oci.registry.retry import OnWait, RetryBudget, no_retry_shown, no_wait_shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """The options of one client, or of all clients of one import attempt, which then share the objects in it.

    :param cancel: stops whatever runs.
    :param budget: of time for retries.
    :param tries: of one operation; None: as the budget says.
    :param documents: counts what manifests and lists take in memory.
    :param idle: of the client's door; takes the connections over, for the clients that come after this one.
    :param sign_ins: of the client's door; knows how to sign in, for the clients of the same account that come after.
    :param pace: of a source's blobs.
    :param on_wait: told of every pause; called from the thread that waits.
    :param on_retry: called once for every try after a failed one.
    """

    cancel: CancelToken = field(default_factory=CancelToken)
    budget: RetryBudget = field(default_factory=RetryBudget)
    tries: int | None = None
    connect_seconds: float = CONNECT_SECONDS
    headers_seconds: float = HEADERS_SECONDS
    stall_seconds: float = STALL_SECONDS
    documents: MemoryBudget = field(default_factory=MemoryBudget)
    rate_limits: RateLimitStore = field(default_factory=LocalRateLimits)
    idle: IdleConnections | None = None
    sign_ins: SignIns | None = None
    pace: Pace = field(default_factory=Unpaced)
    on_wait: OnWait = no_wait_shown
    on_retry: Callable[[], None] = no_retry_shown


def for_cleanup() -> ClientOptions:
    """Nothing of the attempt's, which may have been canceled: one try, and a short one."""
    return ClientOptions(
        tries=1,
        connect_seconds=CLEANUP_SECONDS,
        headers_seconds=CLEANUP_SECONDS,
        stall_seconds=CLEANUP_SECONDS,
    )
