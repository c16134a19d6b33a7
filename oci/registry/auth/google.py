"""Google Artifact Registry: the key of a service account signs a request for a token that lasts an hour.

`OAuth 2.0 for service accounts <https://developers.google.com/identity/protocols/oauth2/service-account>`_ with a JWT
(RFC 7523). The private key stays here. With ``_json_key`` as user name, the registry is shown the key itself, as Google
offers it; then nothing is exchanged.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from oci.errors import OciError, gettext_noop
from oci.registry.auth.credentials import Credential
from oci.urls import Url

_HOST: Final = re.compile(r"[a-z0-9-]{1,60}-docker\.pkg\.dev|([a-z]{2,10}\.)?gcr\.io", re.ASCII)
#: As gcloud's access tokens are shown to a registry.
USERNAME: Final = "oauth2accesstoken"
TOKEN_HOST: Final = "oauth2.googleapis.com"
_AUDIENCE: Final = f"https://{TOKEN_HOST}/token"
#: Reading is all that a source needs.
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform.read-only"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: The longest that Google grants, and what is believed of an answer that does not say.
SECONDS: Final = 3600.0
#: Signing takes a moment with these and minutes with larger ones.
_KEY_BITS: Final = range(2048, 8193)

_UNREADABLE: Final = gettext_noop(
    "The key for %(host)s can't be read. Enter the whole JSON file of a service account's key."
)


def is_key(credential: Credential) -> bool:
    """Whether a credential for a registry of Google's is the key of a service account, to be exchanged."""
    is_named = _HOST.fullmatch(credential.host) and credential.username == USERNAME
    return bool(is_named and credential.password.lstrip().startswith("{"))


def request(credential: Credential, at: dt.datetime) -> tuple[Url, list[tuple[str, str]], bytes]:
    """What is POSTed where for a token. Where the file says that tokens are had is not looked at.

    :param credential: one for which :func:`is_key` holds.
    :raises OciError: ``unauthorized``: the key can't be read.
    """
    try:
        key_file = json.loads(credential.password)
        email, key_id = key_file["client_email"], key_file["private_key_id"]
        key = serialization.load_pem_private_key(key_file["private_key"].encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size not in _KEY_BITS:
            raise ValueError("not an RSA key that Google makes")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UnsupportedAlgorithm):
        raise OciError("unauthorized", _UNREADABLE, host=credential.host) from None
    now = int(at.timestamp())
    claims = {"iss": email, "scope": _SCOPE, "aud": _AUDIENCE, "iat": now, "exp": now + int(SECONDS)}
    signed = f"{_part({'alg': 'RS256', 'typ': 'JWT', 'kid': key_id})}.{_part(claims)}"
    signature = _base64url(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))
    form = {"grant_type": _GRANT, "assertion": f"{signed}.{signature}"}
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    return Url("https", TOKEN_HOST, 443, "/token"), headers, urlencode(form).encode()


def read(document: Mapping[str, object], _now: float) -> tuple[object, float]:
    """The token (None: there is none), and for how many seconds."""
    seconds = document.get("expires_in")
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds <= SECONDS
    return document.get("access_token"), float(seconds) if known else SECONDS  # type: ignore[arg-type]


def account(credential: Credential, value: str) -> Credential:
    """What the registry takes."""
    return Credential(credential.host, USERNAME, value, credential.owner)


def _part(document: Mapping[str, object]) -> str:
    return _base64url(json.dumps(document, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
