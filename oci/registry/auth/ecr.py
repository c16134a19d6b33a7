"""Amazon ECR: its passwords expire after twelve hours, so an access key is exchanged for one by a signed call.

`GetAuthorizationToken <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>`_,
signed as `Signature Version 4 <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>`_
says. The secret key stays here; what is sent is a signature that is good for one region, one service and some minutes.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from oci.registry.auth.credentials import Credential
from oci.urls import Url

_HOST: Final = re.compile(r"[0-9]{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]{1,40})\.amazonaws\.com(\.cn)?", re.ASCII)
#: Of a user; those of a role (ASIA…) end by themselves and need a third secret.
_ACCESS_KEY: Final = re.compile(r"AKIA[A-Z0-9]{12,124}", re.ASCII)
_TARGET: Final = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
BODY: Final = b"{}"
#: What is believed of a password whose end was not said, seconds.
MIN_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Signer:
    """Signature Version 4 of one key, for one service in one region."""

    key: str
    secret: str = field(repr=False)
    region: str
    service: str

    def authorization(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, at: dt.datetime
    ) -> str:
        """The value of an Authorization header.

        :param target: path with its query, whose names are in order.
        :param headers: all that are signed, with lower-case names, ``host`` and ``x-amz-date`` among them.
        :param at: as ``x-amz-date`` says it.
        """
        path, _, query = target.partition("?")
        names = ";".join(sorted(headers))
        lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
        canonical = "\n".join([method, path, query, *lines, "", names, hashlib.sha256(body).hexdigest()])
        scope = f"{at:%Y%m%d}/{self.region}/{self.service}/aws4_request"
        signed = "\n".join(
            ["AWS4-HMAC-SHA256", amz_date(at), scope, hashlib.sha256(canonical.encode()).hexdigest()]
        )
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()
        return f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}"


def amz_date(at: dt.datetime) -> str:
    """A moment in UTC as AWS writes it."""
    return f"{at:%Y%m%dT%H%M%SZ}"


def is_access_key(credential: Credential) -> bool:
    """Whether a credential for ECR is an access key and no password."""
    return bool(_HOST.fullmatch(credential.host) and _ACCESS_KEY.fullmatch(credential.username))


def request(credential: Credential, at: dt.datetime) -> tuple[Url, list[tuple[str, str]]]:
    """Where and with which headers :data:`BODY` is POSTed for a password.

    :param credential: one for which :func:`is_access_key` holds.
    """
    found = _HOST.fullmatch(credential.host)
    if found is None:
        raise ValueError(f"{credential.host} is no registry of Amazon's")
    fips, region, china = found.groups()
    host = f"{'ecr-fips' if fips else 'api.ecr'}.{region}.amazonaws.com{china or ''}"
    url = Url("https", host, 443, "/")
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": host,
        "x-amz-date": amz_date(at),
        "x-amz-target": _TARGET,
    }
    signer = Signer(credential.username, credential.password, region, "ecr")
    shown = signer.authorization("POST", "/", headers, BODY, at)
    return url, [
        *((name, text) for name, text in headers.items() if name != "host"),
        ("Authorization", shown),
    ]


def read(document: Mapping[str, object], now: float) -> tuple[object, float]:
    """What stands after ``Basic`` in an Authorization header (None: nothing does), and for how many seconds.

    :param now: Unix seconds.
    """
    data = document.get("authorizationData")
    first = data[0] if isinstance(data, list) and data else None
    if not isinstance(first, dict):
        return None, 0.0
    until = first.get("expiresAt")
    if isinstance(until, bool) or not isinstance(until, int | float) or until <= now:
        return first.get("authorizationToken"), MIN_SECONDS
    return first.get("authorizationToken"), float(until) - now


def account(credential: Credential, value: str) -> Credential:
    """What signs in at the registry with what :func:`read` found.

    :raises ValueError: it is no name with a password.
    """
    username, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    if not colon:
        raise ValueError("no password")
    return Credential(credential.host, username, password, credential.owner)
