"""One POST to one webhook: signed, through the door, no redirect followed. Of the answer only what a chat service says
is read, and little of it. Or one mail instead.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_noop

from imageimport.models import Webhook
from imageimport.webhooks import mail
from imageimport.webhooks.formats import posted, refused
from imageimport.webhooks.payloads import public
from oci.cancel import CancelToken
from oci.egress.door import Door, EgressPolicy, split_url
from oci.egress.hosts import LOOPBACK_NAMES, bracketed, literal_address
from oci.errors import Canceled, OciError
from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.http.transport import HttpTransport, Timeouts
from oci.registry.endpoint import USER_AGENT
from oci.urls import Url

#: A receiver that takes longer should take the event and work later; seconds.
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
WHOLE_SECONDS: Final = 15.0
#: Of a chat service's answer, bytes.
ANSWER_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where something is sent, and how it wants it. ``secret`` is plain, empty where the webhook has none."""

    url: str
    secret: str = field(default="", repr=False)
    format: str = "json"
    language: str = "en"
    #: By mail, to these; the rest of where and how does not count then.
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent, and to whom."""

    receiver: Receiver
    delivery: UUID
    event: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of it: a status, or the reason why there is none.

    ``note``: it is delivered, but not to everyone.
    """

    status: int | None
    error: OciError | None
    duration_ms: int
    note: OciError | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.error is None


def check_url(url: str) -> Url:
    """The URL as it will be contacted, if what can be seen of it is allowed.

    :raises OciError: ``protocol_error`` or ``blocked_address``.
    """
    target = split_url(url)
    Door(_policy(target)).check_literal(target.host, target.port, target.scheme)
    return target


def body_of(payload: Mapping[str, Any]) -> bytes:
    """The bytes that are sent and signed; the same for the same payload."""
    return json.dumps(
        public(dict(payload)), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def signature(secret: str, body: bytes) -> str:
    """The value of ``X-Portal-Signature-256``."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(parcel: Parcel) -> Receipt:
    """Deliver, once. Raises nothing that the receipt could say. Touches no database: any thread may call it."""
    began = time.monotonic()
    status: int | None = None
    error: OciError | None = None
    note: OciError | None = None
    try:
        if parcel.receiver.addresses:
            note = _mail(parcel)
        else:
            status = _post(parcel)
            error = None if 200 <= status < 300 else _not_taken(status)
    except OciError as exc:
        error = exc
    except Canceled:
        error = _failed(gettext_noop("No response within %(seconds)d seconds."), seconds=int(WHOLE_SECONDS))
    except (ConnectionBroken, ProtocolError) as exc:
        error = _failed(gettext_noop("The connection was lost: %(cause)s."), cause=str(exc)[:200])
    return Receipt(status, error, int((time.monotonic() - began) * 1000), note)


def _mail(parcel: Parcel) -> OciError | None:
    """Send it; what there is to say where not everyone gets it."""
    refused = mail.send(
        parcel.receiver.addresses,
        delivery=parcel.delivery,
        event=parcel.event,
        payload=parcel.payload,
        language=parcel.receiver.language,
    )
    return (
        _failed(
            gettext_noop("Sent, but the mail server refused these recipients: %(refused)s."), refused=refused
        )
        if refused
        else None
    )


def _post(parcel: Parcel) -> int:
    to = parcel.receiver
    target, body = split_url(to.url), body_of(parcel.payload)
    chat = to.format != Webhook.Format.JSON
    if chat:
        made = posted(to.format, parcel.payload, secret=to.secret, language=to.language)
        body = made.body
        target = target.with_query(made.query) if made.query else target
    headers = [
        ("User-Agent", USER_AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("X-Portal-Event", parcel.event),
        ("X-Portal-Delivery", str(parcel.delivery)),
    ]
    if to.secret and not chat:
        headers.append(("X-Portal-Signature-256", signature(to.secret, body)))
    cancel = CancelToken()
    transport = HttpTransport(
        door=Door(_policy(target)),
        cancel=cancel,
        timeouts=Timeouts(
            connect_seconds=CONNECT_SECONDS, headers_seconds=ANSWER_SECONDS, stall_seconds=ANSWER_SECONDS
        ),
    )
    with closing(transport), cancel.after(WHOLE_SECONDS):
        response = transport.exchange("POST", target, headers, body)
        refusal = refused(to.format, _answer(response)) if chat and response.status == 200 else ""
        response.close()
    if refusal:
        raise _failed(gettext_noop("The receiver refused the message: %(reason)s."), reason=refusal)
    return response.status


def _answer(response: Response) -> bytes:
    """What a chat service says, as far as it is short."""
    try:
        return response.read(ANSWER_BYTES)
    except OverflowError:
        return b""


def _policy(target: Url) -> EgressPolicy:
    """``WEBHOOK_PRIVATE_HOSTS`` may be at private addresses and may be spoken to without TLS."""
    listed = tuple(settings.WEBHOOK_PRIVATE_HOSTS)
    named = tuple(entry for entry in listed if "/" not in entry)
    here = (bracketed(target.host),) if _is_in_listed_network(target.host, listed) else ()
    return EgressPolicy(
        private_sources=listed,
        insecure_sources=named + here,
        own_endpoints=tuple(settings.OWN_ENDPOINTS),
        ca_file=settings.IMPORT_CA_FILE or None,
        # Its own setting: a rule for sources is none for webhooks.
        proxies=tuple(settings.WEBHOOK_PROXY),
    )


def _is_in_listed_network(host: str, listed: tuple[str, ...]) -> bool:
    networks = [ipaddress.ip_network(entry, strict=False) for entry in listed if "/" in entry]
    address = literal_address("127.0.0.1" if host in LOOPBACK_NAMES else host)
    return address is not None and any(address in network for network in networks)


def _not_taken(status: int) -> OciError:
    if 300 <= status < 400:
        return _failed(
            gettext_noop(
                "The receiver answered with a redirect (%(status)d), which webhooks don't follow. Enter "
                "the final URL."
            ),
            status=status,
        )
    return _failed(gettext_noop("The receiver answered with status %(status)d."), status=status)


def _failed(template: str, **params: str | int) -> OciError:
    error = OciError("unreachable", template, retryable=True)
    error.params.update(params)
    return error
