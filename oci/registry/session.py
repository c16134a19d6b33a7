"""Requests at one registry: signed in, redirects followed by hand, rate limits minded. One try each."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Final

from oci.cancel import CancelToken
from oci.errors import OciError, gettext_noop
from oci.http.connection import Response
from oci.http.transport import Headers, Sending
from oci.limits import INLINE_WAIT_SECONDS, REDIRECTS
from oci.memory import MemoryBudget
from oci.registry.authenticator import AuthAttempt, SignIn
from oci.registry.endpoint import Endpoint
from oci.registry.error_body import read_error
from oci.registry.faults import RetryableError, asked_to_wait, confused, refused
from oci.registry.rate_limit import RateLimit, RateLimitStore, read_rate_limit
from oci.registry.retry import OnWait
from oci.urls import Url, resolve

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: Answers of storage behind a redirect to a URL whose signature ran out.
_EXPIRED: Final = frozenset({400, 401, 403, 410})

Scopes = Sequence[str]


class Session:
    """Thread-safe; what :class:`oci.registry.client.RegistryClient` and the transfers are built on."""

    def __init__(
        self,
        endpoint: Endpoint,
        sign_in: SignIn,
        *,
        registry: str,
        rate_limits: RateLimitStore,
        cancel: CancelToken,
        on_wait: OnWait,
        documents: MemoryBudget | None = None,
    ) -> None:
        self.documents = documents or MemoryBudget()
        self.endpoint = endpoint
        self.sign_in = sign_in
        self.registry = registry
        self.cancel = cancel
        self.rate_limit: RateLimit | None = None
        self._rate_limits = rate_limits
        self._on_wait = on_wait

    def url(self, path: str) -> Url:
        """A path of the API as a URL, its query split off."""
        return resolve(self.endpoint.base, path)

    def request(
        self,
        method: str,
        url: Url,
        *,
        scopes: Scopes,
        what: str,
        accept: Collection[int],
        headers: Headers = (),
        body: bytes | None = None,
    ) -> Response:
        """The answer, if its status is in ``accept``.

        :param what: the thing asked for, for messages.
        :raises RetryableError: another try may help. :raises OciError: the registry refuses.
        """
        response = self.ask(method, url, scopes=scopes, headers=headers, body=body)
        if response.status in accept:
            return response
        raise self.refusal(response, what)

    def ask(
        self, method: str, url: Url, *, scopes: Scopes, headers: Headers = (), body: bytes | None = None
    ) -> Response:
        """The answer, whatever its status, after redirects and sign-in."""
        if self.sign_in.must_greet:
            self.greet()
        bid = self.sign_in.bid(scopes)
        hops = 0
        while True:
            own = url.origin == self.endpoint.base.origin
            if own:
                self._mind_rate_limit()
            authorization = bid.header() if own else None
            sent = [*headers, ("Authorization", authorization)] if authorization else list(headers)
            response = self.endpoint.exchange(method, url, sent, body)
            if own:
                self._note_rate_limit(response)
                if response.status == 401 and self._answers(bid, response):
                    continue
            location = response.header("Location")
            if response.status not in _REDIRECTS or not location:
                return response
            response.discard()
            hops += 1
            if hops > REDIRECTS:
                raise confused(self.endpoint.role, self.endpoint.host, "it redirects in circles")
            if response.status == 303 and method not in ("GET", "HEAD"):
                raise confused(
                    self.endpoint.role, self.endpoint.host, "it redirects a write to something else (303)"
                )
            url = self.follow(url, location)

    def greet(self) -> None:
        """Ask the registry's root how it wants us to sign in; whether that works shows the first request.

        :raises RetryableError: :raises OciError: as :meth:`request`.
        """
        response = self.endpoint.exchange("GET", self.url("/v2/"), ())
        if response.status == 429 or response.status >= 500:
            raise self.refusal(response, "/v2/")
        self.sign_in.greeted(response)
        response.discard()

    def begin(self, method: str, url: Url, *, scopes: Scopes, headers: Headers, length: int) -> Sending:
        """Begin a request with a streamed body: signed in with what is known, never redirected (see
        ``uploads``).
        """
        authorization = None
        if url.origin == self.endpoint.base.origin:
            authorization = self.sign_in.bid(scopes).header()
        sent = [*headers, ("Authorization", authorization)] if authorization else list(headers)
        return self.endpoint.begin(method, url, sent, length)

    def renew(self, response: Response, scopes: Scopes) -> bool:
        """After a 401 to a streamed body: get a new token for the next try; False when there is no other to
        show.
        """
        bid = self.sign_in.bid(scopes)
        bid.header()
        return bid.answer(response)

    def _answers(self, bid: AuthAttempt, response: Response) -> bool:
        """Something else to show was found for a 401, which is then done with; also when there is an error."""
        again = True
        try:
            again = bid.answer(response)
        finally:
            if again:
                response.discard()
        return again

    def follow(self, url: Url, location: str) -> Url:
        """Where a Location of an answer from ``url`` leads.

        :raises OciError: nowhere that we go.
        """
        goal = self.endpoint.read_url(location, url)
        if url.scheme == "https" and goal.scheme != "https":
            template = gettext_noop("%(host)s leads to %(other)s over plain HTTP, which is not allowed.")
            raise OciError("blocked_address", template, host=url.authority, other=goal.authority)
        self.endpoint.check_hop(goal)
        return goal

    def refusal(self, response: Response, what: str) -> Exception:
        """The error for an answer that nobody wanted; reads its body."""
        retry_after = self.endpoint.retry_after(response)
        host = response.url.authority
        own = response.url.origin == self.endpoint.base.origin
        body = read_error(response)
        if own and response.status == 429 and retry_after is not None:
            self._rate_limits.block(self.registry, self.sign_in.account, time.time() + retry_after)
        if own and response.status == 401 and self.sign_in.uses_basic:
            return self.sign_in.rejection(host, body, signed_in=True)
        fault = refused(self.endpoint.role, host, response.status, body, what=what, retry_after=retry_after)
        if not own and response.status in _EXPIRED and isinstance(fault, OciError):
            # A presigned URL that ran out: the registry makes a new one.
            return RetryableError(fault, tries=2, at_once=True)
        return fault

    def _mind_rate_limit(self) -> None:
        until = self._rate_limits.blocked_until(self.registry, self.sign_in.account)
        if until is None:
            return
        seconds = until - time.time()
        if seconds <= 0:
            return
        if seconds > INLINE_WAIT_SECONDS:
            raise asked_to_wait(self.endpoint.host, seconds)
        template = gettext_noop("%(host)s asks to wait; going on in %(seconds)s seconds.")
        self._on_wait(template, {"host": self.endpoint.host, "seconds": round(seconds, 1)}, until)
        self.cancel.wait(seconds)

    def _note_rate_limit(self, response: Response) -> None:
        seen = read_rate_limit(response)
        if seen is None:
            return
        self.rate_limit = seen
        reset_at = time.time() + seen.window if seen.window else None
        self._rate_limits.seen(
            self.registry,
            self.sign_in.account,
            limit=seen.limit,
            remaining=seen.remaining,
            window=seen.window,
            reset_at=reset_at,
        )
