"""By which way the identity provider is asked, where ``OIDC_PROXY`` says so: through the engine's door, by every kind
of proxy that it knows, with ``IMPORT_CA_FILE`` trusted besides the system's authorities.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

import structlog
from django.conf import settings
from requests import ConnectionError as NotReached
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from oci.cancel import CancelToken
from oci.egress.door import Door, EgressPolicy
from oci.egress.hosts import bracketed
from oci.errors import Canceled, OciError
from oci.http.connection import ConnectionBroken, ProtocolError
from oci.http.transport import HttpTransport, Timeouts
from oci.urls import Url, parse_url

log = structlog.get_logger(__name__)

#: Of one answer of the provider: its discovery, a token, claims.
MAX_ANSWER_BYTES: Final = 1024 * 1024
#: Seconds for a connection, and for a whole answer.
CONNECT_SECONDS: Final = 5.0
WHOLE_SECONDS: Final = 20.0
#: What is read of an answer's headers.
_READ: Final = ("Content-Type", "Location", "WWW-Authenticate")
#: The transport's own.
_NOT_SENT: Final = frozenset({"content-length", "accept-encoding", "connection", "host"})


class ByTheDoor(BaseAdapter):
    """Sends what a session of requests asks, each over a connection of its own."""

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """The answer, whole. Time limits, trust and proxies are this module's, whatever the session says.

        :raises requests.ConnectionError: there is none; the sentence names the proxy and no password.
        """
        try:
            return _asked(request, parse_url(request.url or ""))
        except (OciError, Canceled, ConnectionBroken, ProtocolError, OverflowError, ValueError) as exc:
            log.warning("oidc.provider_not_reached", error=str(exc) or type(exc).__name__)
            raise NotReached(str(exc), request=request) from exc

    def close(self) -> None:
        """Nothing is kept open."""


def policy() -> EgressPolicy:
    """The operator named the provider, which may be inside; what it names is asked by TLS, or at its own place."""
    provider = parse_url(settings.OIDC_SERVER_URL)
    return EgressPolicy(
        private_sources=("0.0.0.0/0", "::/0"),
        trusted_hosts=frozenset({f"{bracketed(provider.host)}:{provider.port}"}),
        ca_file=settings.IMPORT_CA_FILE or None,
        proxies=tuple(settings.OIDC_PROXY),
    )


def _asked(request: PreparedRequest, url: Url) -> Response:
    body = request.body.encode() if isinstance(request.body, str) else request.body
    assert body is None or isinstance(body, bytes)  # forms, which allauth sends
    headers = [(name, str(value)) for name, value in request.headers.items() if name.lower() not in _NOT_SENT]
    cancel = CancelToken()
    transport = HttpTransport(
        door=Door(policy()),
        cancel=cancel,
        timeouts=Timeouts(
            connect_seconds=CONNECT_SECONDS, headers_seconds=WHOLE_SECONDS, stall_seconds=WHOLE_SECONDS
        ),
    )
    with closing(transport), cancel.after(WHOLE_SECONDS):
        found = transport.exchange(
            str(request.method),
            url,
            [*headers, ("Accept-Encoding", "identity"), ("Connection", "close")],
            body,
        )
        content = found.read(MAX_ANSWER_BYTES)
    answer = Response()
    answer.request, answer.url, answer.status_code = request, str(request.url), found.status
    answer.headers = CaseInsensitiveDict((name, value) for name in _READ if (value := found.header(name)))
    answer.encoding = get_encoding_from_headers(answer.headers)
    answer.raw = io.BytesIO(content)
    return answer
