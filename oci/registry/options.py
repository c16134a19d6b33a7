"""How clients of registries behave, and what they share with one another."""

from __future__ import annotations

from dataclasses import dataclass, field

from oci.cancel import CancelToken
from oci.http.pool import IdleConnections
from oci.http.transport import Timeouts
from oci.limits import CLEANUP_SECONDS
from oci.memory import MemoryBudget
from oci.registry.auth.known import SignIns
from oci.registry.pace import Pace, Unpaced
from oci.registry.rate_limit import LocalRateLimits, RateLimitStore
from oci.registry.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """How fast a registry may be asked.

    :param rate_limits: of whom a registry asked to wait, and until when.
    :param pace: of a source's blobs.
    """

    rate_limits: RateLimitStore = field(default_factory=LocalRateLimits)
    pace: Pace = field(default_factory=Unpaced)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What outlives a client, for those that come after it at the same door; nothing where it is None.

    :param idle: takes the connections over.
    :param sign_ins: knows how to sign in, for clients of the same account.
    """

    idle: IdleConnections | None = None
    sign_ins: SignIns | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """The options of one client, or of all clients of one import attempt, which then share the objects in it.

    :param cancel: stops whatever runs.
    :param documents: counts what manifests and lists take in memory.
    """

    cancel: CancelToken = field(default_factory=CancelToken)
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    documents: MemoryBudget = field(default_factory=MemoryBudget)
    throttling: Throttling = field(default_factory=Throttling)
    kept: Kept = field(default_factory=Kept)


def for_cleanup() -> ClientOptions:
    """Nothing of the attempt's, which may have been canceled: one try, and a short one."""
    return ClientOptions(
        retries=RetryPolicy(tries=1),
        timeouts=Timeouts(
            connect_seconds=CLEANUP_SECONDS, headers_seconds=CLEANUP_SECONDS, stall_seconds=CLEANUP_SECONDS
        ),
    )
