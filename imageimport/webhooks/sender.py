"""One POST to one webhook: signed, through the door, no redirect followed, no body of the answer read."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from oci.cancel import CancelToken
from oci.egress.door import Door, EgressPolicy, split_url
from oci.egress.hosts import LOOPBACK_NAMES, bracketed, literal_address
from oci.errors import Canceled, OciError, gettext_noop
from oci.http.connection import Broken, Malformed
from oci.http.transport import Transport
from oci.registry.endpoint import USER_AGENT
from oci.urls import Url

#: A receiver that takes longer should take the event and work later; seconds.
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
WHOLE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent. ``secret`` is plain, empty where the webhook has none."""

    url: str
    delivery: UUID
    event: str
    payload: Mapping[str, Any]
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of it: a status, or the reason why there is none."""

    status: int | None
    error: OciError | None
    duration_ms: int

    @property
    def delivered(self) -> bool:
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
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signature(secret: str, body: bytes) -> str:
    """The value of ``X-Portal-Signature-256``."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(parcel: Parcel) -> Receipt:
    """Deliver, once. Raises nothing that the receipt could say. Touches no database: any thread may call it."""
    began = time.monotonic()
    status: int | None = None
    error: OciError | None = None
    try:
        status = _post(parcel)
        if not 200 <= status < 300:
            error = _not_taken(status)
    except OciError as exc:
        error = exc
    except Canceled:
        error = _failed(
            gettext_noop("There was no answer within %(seconds)d seconds."), seconds=int(WHOLE_SECONDS)
        )
    except (Broken, Malformed) as exc:
        error = _failed(gettext_noop("The connection broke: %(cause)s."), cause=str(exc)[:200])
    return Receipt(status, error, int((time.monotonic() - began) * 1000))


def _post(parcel: Parcel) -> int:
    target = split_url(parcel.url)
    body = body_of(parcel.payload)
    headers = [
        ("User-Agent", USER_AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("X-Portal-Event", parcel.event),
        ("X-Portal-Delivery", str(parcel.delivery)),
    ]
    if parcel.secret:
        headers.append(("X-Portal-Signature-256", signature(parcel.secret, body)))
    cancel = CancelToken()
    transport = Transport(
        door=Door(_policy(target)),
        cancel=cancel,
        stall_seconds=ANSWER_SECONDS,
        connect_seconds=CONNECT_SECONDS,
        headers_seconds=ANSWER_SECONDS,
    )
    alarm = threading.Timer(WHOLE_SECONDS, cancel.cancel, args=["timeout"])
    alarm.daemon = True
    alarm.start()
    try:
        response = transport.exchange("POST", target, headers, body)
        status = response.status
        response.close()
        return status
    finally:
        alarm.cancel()
        transport.close()


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
    )


def _is_in_listed_network(host: str, listed: tuple[str, ...]) -> bool:
    networks = [ipaddress.ip_network(entry, strict=False) for entry in listed if "/" in entry]
    address = literal_address("127.0.0.1" if host in LOOPBACK_NAMES else host)
    return address is not None and any(address in network for network in networks)


def _not_taken(status: int) -> OciError:
    if 300 <= status < 400:
        return _failed(
            gettext_noop("The answer %(status)d is a redirect; webhooks follow none."), status=status
        )
    return _failed(gettext_noop("The receiver answered %(status)d."), status=status)


def _failed(template: str, **params: str | int) -> OciError:
    error = OciError("unreachable", template, retryable=True)
    error.params.update(params)
    return error
