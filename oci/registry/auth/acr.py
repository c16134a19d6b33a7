"""Azure Container Registry: a refresh token of Microsoft Entra is exchanged for the registry's own, which lasts three
hours.

`POST /oauth2/exchange <https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md>`_, asked of the registry itself. A
service principal needs none of this: the registry's token server takes its name and secret as they are.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from oci.registry.auth.credentials import IDENTITY_TOKEN_USER, Credential
from oci.urls import Url

_HOST: Final = re.compile(r"[a-z0-9]{5,50}(-[a-z0-9]{1,50})?\.azurecr\.(io|cn|us)", re.ASCII)
#: The name of the tenant behind it is a domain or an id.
_USERNAME: Final = re.compile(r"refresh_token@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)", re.ASCII)
#: What is believed of the registry's token, seconds: it lasts three hours and does not say so.
SECONDS: Final = 3600.0


def is_lasting_token(credential: Credential) -> bool:
    """Whether a credential for Azure's registry is a refresh token of Microsoft Entra."""
    return bool(_HOST.fullmatch(credential.host) and _USERNAME.fullmatch(credential.username))


def request(credential: Credential, _at: dt.datetime) -> tuple[Url, list[tuple[str, str]], bytes]:
    """What is POSTed where for the registry's own token.

    :param credential: one for which :func:`is_lasting_token` holds.
    """
    form = {
        "grant_type": "refresh_token",
        "service": credential.host,
        "tenant": credential.username.partition("@")[2],
        "refresh_token": credential.password,
    }
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    return Url("https", credential.host, 443, "/oauth2/exchange"), headers, urlencode(form).encode()


def read(document: Mapping[str, object], _now: float) -> tuple[object, float]:
    """The registry's token (None: there is none), and for how many seconds."""
    return document.get("refresh_token"), SECONDS


def account(credential: Credential, value: str) -> Credential:
    """What its token server takes."""
    return Credential(credential.host, IDENTITY_TOKEN_USER, value, credential.owner)
