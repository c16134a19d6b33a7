"""Requests at one registry: signed in, redirects followed by hand, rate limits minded. One try each."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Final

from oci.cancel import CancelToken
from oci.errors import OciError, gettext_noop
from oci.http.connection import Response
from oci.http.transport import Headers, Sending
from oci.limits import INLINE_WAIT_SECONDS, REDIRECTS
from oci.registry.auth.authenticator import AuthAttempt, SignIn
from oci.registry.endpoint import Endpoint
from oci.registry.error_body import read_error
from oci.registry.faults import RetryableError, asked_to_wait, confused, refused
from oci.registry.options import ClientOptions
from oci.registry.pace import Unpaced
from oci.registry.rate_limit import RateLimit, read_rate_limit
from oci.urls import Url, resolve

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: Answers of storage behind a redirect to a URL whose signature ran out.
_EXPIRED: Final = frozenset({400, 401, 403, 410})

Scopes = Sequence[str]


class Session:
    """Thread-safe; what :class:`oci.registry.client.RegistryClient` and the transfers are built on."""

    def __init__(self, endpoint: Endpoint, sign_in: SignIn, options: ClientOptions, *, registry: str) -> None:
        self.documents = options.documents
        self.pace = options.throttling.pace if endpoint.role == "source" else Unpaced()
        self.endpoint = endpoint
        self.sign_in = sign_in
        self.registry = registry
        self.cancel = options.cancel
        self.rate_limit: RateLimit | None = None
        self._rate_limits = options.throttling.rate_limits
        self._on_wait = options.retries.on_wait

    def under(self, cancel: CancelToken) -> Session:
        """The same, for a part of the work that ``cancel`` can end alone. Signing in is everyone's and goes on."""
        twin = copy.copy(self)
        twin.cancel, twin.endpoint = cancel, self.endpoint.under(cancel)
        return twin

    def url(self, path: str) -> Url:
        """A path of the API as a URL, its query split off."""
        return resolve(self.endpoint.base, path)

    def accepted(self, response: Response, what: str, *statuses: int) -> Response:
        """The answer, if its status is one of these.

        :param what: the thing asked for, for messages.
        :raises RetryableError: another try may help.
        :raises OciError: the registry refuses.
        """
        if response.status in statuses:
            return response
        raise self.refusal(response, what)

    def ask(
        self, method: str, url: Url, *, scopes: Scopes, headers: Headers = (), body: bytes | None = None
    ) -> Response:
        """The answer, whatever its status, after redirects and sign-in.

        :raises RetryableError: another try may help.
        :raises OciError: it cannot work.
        """
        if self.sign_in.must_greet:
            self.greet()
        auth = self.sign_in.attempt(scopes)
        hops = 0
        while True:
            own = url.origin == self.endpoint.base.origin
            if own:
                self._mind_rate_limit()
            authorization = auth.header() if own else None
            sent = [*headers, ("Authorization", authorization)] if authorization else list(headers)
            response = self.endpoint.exchange(method, url, sent, body)
            if own:
                self.rate_limit = read_rate_limit(response) or self.rate_limit
                if response.status == 401 and self._answers(auth, response):
                    continue
            location = response.header("Location")
            if response.status not in _REDIRECTS or not location:
                return response
            response.discard()
            hops += 1
            if hops > REDIRECTS:
                raise confused(self.endpoint.role, self.endpoint.host, "redirect loop")
            if response.status == 303 and method not in ("GET", "HEAD"):
                raise confused(
                    self.endpoint.role, self.endpoint.host, "a write was redirected with status 303"
                )
            url = self.follow(url, location)

    def greet(self) -> None:
        """Ask the registry's root how it wants us to sign in; whether that works shows the first request.

        :raises RetryableError:
        :raises OciError: as :meth:`accepted`.
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
            authorization = self.sign_in.attempt(scopes).header()
        sent = [*headers, ("Authorization", authorization)] if authorization else list(headers)
        return self.endpoint.begin(method, url, sent, length)

    def renew(self, response: Response, scopes: Scopes) -> bool:
        """After a 401 to a streamed body: get a new token for the next try; False when there is no other to
        show.
        """
        auth = self.sign_in.attempt(scopes)
        auth.header()
        return auth.answer(response)

    def _answers(self, auth: AuthAttempt, response: Response) -> bool:
        """Something else to show was found for a 401, which is then done with; also when there is an error."""
        again = True
        try:
            again = auth.answer(response)
        finally:
            if again:
                response.discard()
        return again

    def follow(self, url: Url, location: str) -> Url:
        """Where a Location of an answer from ``url`` leads.

        :raises OciError: nowhere that we go.
        """
        target = self.endpoint.read_url(location, url)
        if url.scheme == "https" and target.scheme != "https":
            template = gettext_noop("%(host)s redirects to %(other)s over plain HTTP, which is not allowed.")
            raise OciError("blocked_address", template, host=url.authority, other=target.authority)
        self.endpoint.check_hop(target)
        return target

    def refusal(self, response: Response, what: str) -> Exception:
        """The error for an answer that no one wanted; reads its body."""
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
        template = gettext_noop("%(host)s asks to wait; continuing in %(seconds)s seconds.")
        self._on_wait(template, {"host": self.endpoint.host, "seconds": round(seconds, 1)}, until)
        self.cancel.wait(seconds)
