"""The portal's HTTP API: pages, errors as sentences, retries of what may be asked twice."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

import httpx

from portal_client import __version__
from portal_client.errors import NotSignedIn, NotThere, PortalError, Unreachable
from portal_client.words import _, language

Row = dict[str, Any]

#: How long a request is repeated where the portal is away or busy, seconds.
PATIENCE: Final = 30.0
#: The same while an import is waited for: longer than a restart or an upgrade of the portal.
LONG_PATIENCE: Final = 900.0
#: A plan asks foreign registries for 25 seconds at most.
TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
#: Of a download that continues inside a blob: the portal reads that blob from its start before it goes on.
_READING: Final = httpx.Timeout(300.0, connect=10.0)
#: Nothing was done; ask again later.
_NOT_NOW: Final = frozenset({429, 503})
#: What a proxy says where it does not know whether something was done.
_LOST: Final = frozenset({502, 504})
_MAX_PAUSE: Final = 10.0


class Api:
    """A portal, asked on behalf of one token. Addresses are below ``/api/v1``."""

    def __init__(
        self, server: str, token: str, *, ca_file: Path | None = None, patience: float = PATIENCE
    ) -> None:
        """
        :param server: the portal's address without a slash at the end.
        :param token: an API token; empty: anonymous.
        :param ca_file: certificate authorities in PEM, trusted besides the system's.
        :raises PortalError: ``ca_file`` can't be read.
        """
        self.server = server
        self._patience = patience
        headers = {"Accept": "application/json", "Accept-Language": language()}
        headers["User-Agent"] = f"registry-portal-client/{__version__}"
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # Redirects are told, not followed: the token is for this address.
        self._http = httpx.Client(headers=headers, verify=_trust(ca_file), timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    @contextlib.contextmanager
    def waiting_long(self) -> Iterator[None]:
        """Inside the block, a portal that is away is waited for as long as an upgrade of it takes."""
        before, self._patience = self._patience, LONG_PATIENCE
        try:
            yield
        finally:
            self._patience = before

    def get(self, path: str, **params: Any) -> Any:
        """What GET answers."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: object = None, *, key: str = "") -> Any:
        """What POST answers; with an Idempotency-Key it is repeated where an answer was lost."""
        return self._ask("POST", path, body=body, key=key)

    def patch(self, path: str, body: object) -> Any:
        """What PATCH answers."""
        return self._ask("PATCH", path, body=body)

    def delete(self, path: str) -> None:
        """DELETE it."""
        self._ask("DELETE", path)

    def rows(self, path: str, *, limit: int = 0, **params: Any) -> Iterator[Row]:
        """The rows of a list, page after page.

        :param limit: so many at most; 0: all.
        """
        size = min(limit, 200) if limit else 200
        asked: dict[str, Any] = {**params, "page_size": size}
        seen = 0
        while True:
            page = self.get(path, **asked)
            for row in page["results"]:
                yield row
                seen += 1
                if seen == limit:
                    return
            if not page["next"]:
                return
            # Only the cursor is taken from the answer: the token goes to the address that the user named.
            asked = dict(parse_qsl(urlsplit(page["next"]).query))

    # --- files: one try each, see portal_client.transfers ------------------------------------------

    def send(
        self, method: str, path: str, *, headers: dict[str, str], content: Iterable[bytes] | None = None
    ) -> httpx.Response:
        """One request as it is.

        :param content: the body in parts, as many bytes as the header ``Content-Length`` says.
        :raises httpx.TransportError: no answer came.
        """
        return self._http.request(method, f"{self.server}/api/v1{path}", headers=headers, content=content)

    @contextlib.contextmanager
    def reading(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """An answer whose body is read piece by piece.

        :raises httpx.TransportError: none came, or not all of it.
        """
        timeout = _READING if "Range" in headers else TIMEOUT
        url = f"{self.server}/api/v1{path}"
        with self._http.stream("GET", url, headers=headers, timeout=timeout) as answer:
            yield answer

    def refuse(self, answer: httpx.Response) -> None:
        """Raise what the portal's answer says, if it is no success.

        :raises PortalError: what the portal said.
        """
        self._read(answer)

    # --- one request -------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, *, params: Any = None, body: object = None, key: str = "") -> Any:
        repeatable = method == "GET" or bool(key)
        deadline = time.monotonic() + self._patience
        for attempt in count():
            answer, lost = self._try(method, path, params, body, key)
            if answer is not None and not _asks_again(answer, repeatable):
                return self._read(answer)
            if lost is not None and not _may_repeat(lost, repeatable):
                raise self._away(lost) from lost
            pause = _pause(answer, attempt)
            if time.monotonic() + pause > deadline:
                if answer is not None:
                    return self._read(answer)
                raise self._away(lost) from lost
            time.sleep(pause)
        raise AssertionError("a count has no end")

    def _try(
        self, method: str, path: str, params: Any, body: object, key: str
    ) -> tuple[httpx.Response | None, httpx.TransportError | None]:
        headers = {"Idempotency-Key": key} if key else {}
        url = f"{self.server}/api/v1{path}"
        try:
            return self._http.request(method, url, params=params or None, json=body, headers=headers), None
        except httpx.TransportError as exc:
            return None, exc
        except httpx.InvalidURL as exc:
            raise PortalError(_("%(url)s is not an address of a portal.") % {"url": self.server}) from exc

    def _away(self, exc: BaseException | None) -> Unreachable:
        if _is_tls(exc):
            sentence = _(
                "The certificate of %(url)s can't be verified: %(reason)s. Name its authority with --ca-file."
            )
        else:
            sentence = _("Can't reach the portal at %(url)s: %(reason)s.")
        reason = str(exc) or type(exc).__name__
        return Unreachable(sentence % {"url": self.server, "reason": reason.rstrip(".")}, "unreachable")

    def _read(self, answer: httpx.Response) -> Any:
        if answer.status_code == 204:
            return None
        if answer.is_redirect:
            destination = answer.headers.get("Location", "")
            raise PortalError(_("The portal is at another address: %(url)s") % {"url": destination}, "moved")
        try:
            body = answer.json()
        except ValueError as exc:
            raise PortalError(
                _("%(url)s does not answer as a portal does (status %(status)d).")
                % {"url": self.server, "status": answer.status_code},
                "not_a_portal",
            ) from exc
        if answer.is_success:
            return body
        raise _refusal(answer.status_code, body if isinstance(body, dict) else {})


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """The system's certificate authorities, and those of a file."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise PortalError(
                _("%(path)s holds no certificate that can be read: %(reason)s")
                % {"path": ca_file, "reason": exc}
            ) from exc
    return context


def _asks_again(answer: httpx.Response, repeatable: bool) -> bool:
    return answer.status_code in _NOT_NOW or (repeatable and answer.status_code in _LOST)


def _may_repeat(exc: httpx.TransportError, repeatable: bool) -> bool:
    """What was never sent may always be sent again."""
    if _is_tls(exc) or isinstance(exc, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return False
    return repeatable or isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout)


def _is_tls(exc: BaseException | None) -> bool:
    """The certificate is refused, however deep the libraries have wrapped that."""
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _pause(answer: httpx.Response | None, attempt: int) -> float:
    """Seconds until the next try: what the portal says, else longer each time."""
    wait = answer.headers.get("Retry-After", "") if answer is not None else ""
    return float(wait) if wait.isdigit() else min(0.5 * 2.0**attempt, _MAX_PAUSE)


def _refusal(status: int, body: Row) -> PortalError:
    code = body.get("code")
    if isinstance(code, str) and "detail" in body:
        sentence = str(body["detail"])
    else:
        code, sentence = (
            "invalid",
            "\n".join(_sentences("", body)) or _("The portal answered with status %d.") % status,
        )
    if status == 401:
        return NotSignedIn(sentence, code, body)
    return (NotThere if status == 404 else PortalError)(sentence, code, body)


def _sentences(where: str, found: Any) -> Iterator[str]:
    """Field errors as lines, whatever shape they have: ``{"field": ["…"]}``, ``{"images": {"3": ["…"]}}``."""
    if isinstance(found, dict):
        for name, below in found.items():
            yield from _sentences(f"{where}.{name}" if where else str(name), below)
    elif isinstance(found, list):
        for below in found:
            yield from _sentences(where, below)
    else:
        yield f"{where}: {found}" if where and where != "non_field_errors" else str(found)
