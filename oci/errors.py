"""The engine's vocabulary of failures.

Every failure that can reach a person has a stable ``code``, an English sentence template with named
placeholders (translated where it is shown), and says whether trying again can help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

#: Marks a sentence for translation; extraction finds it by this name, translation happens where it is shown.
gettext_noop: Callable[[str], str] = lambda sentence: sentence  # noqa: E731

ERROR_CODES: Final = frozenset(
    {
        "invalid_reference",
        "blocked_address",
        "unauthorized",
        "forbidden",
        "not_found",
        "rate_limited",
        "unreachable",
        "proxy_error",
        "tls_error",
        "digest_mismatch",
        "unsupported_manifest",
        "limit_exceeded",
        "protocol_error",
        "source_error",
        "target_error",
        "quota_exceeded",
        "tag_exists",
        "signature_missing",
        "signature_invalid",
        "tag_protected",
        "refused_by_rule",
        "rejected",
        "approval_outdated",
        "stalled",
        "timeout",
        "worker_lost",
        "docker_unavailable",
        "no_space",
        "credential_unreadable",
        "bundle_invalid",
        "bundle_incomplete",
        "internal_error",
    }
)


class OciError(Exception):
    """A failure with a code from :data:`ERROR_CODES` and a sentence for people.

    :param code: one of :data:`ERROR_CODES`.
    :param template: English sentence with ``%(name)s`` placeholders; no secret may be in it or in ``params``.
    :param retryable: whether another attempt may succeed without anyone changing anything.
    :param retry_after: seconds to wait before that attempt, where the registry said so.
    :param params: values of the placeholders; kept as JSON, so strings and numbers only.
    """

    def __init__(
        self,
        code: str,
        template: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        **params: str | int | float,
    ) -> None:
        if code not in ERROR_CODES:
            raise ValueError(f"unknown error code {code!r}")
        super().__init__(code, template)
        self.code = code
        self.template = template
        self.params = params
        self.retryable = retryable
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.template % self.params if self.params else self.template


#: A sentence for people that is no error: template and parameters, as of an :class:`OciError`.
Note = tuple[str, Mapping[str, str | int | float]]


class Canceled(Exception):
    """Raised inside the engine when its cancel token was pulled; ``reason`` says by what."""

    def __init__(self, reason: str = "canceled") -> None:
        super().__init__(reason)
        self.reason = reason
