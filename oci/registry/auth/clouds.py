"""Clouds whose passwords expire: what a lasting secret is exchanged for before a registry is shown anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from oci.registry.auth import acr, ecr, google
from oci.registry.auth.credentials import Credential
from oci.urls import Url

Call = tuple[Url, list[tuple[str, str]], bytes]


@dataclass(frozen=True, slots=True)
class Exchange:
    """How one cloud gives a password for some hours.

    :ivar request: where, with which headers and with which body a credential is POSTed at a moment in UTC; raises
        :class:`~oci.errors.OciError` where the secret can't be read.
    :ivar read: of the answer and the time in Unix seconds, the password (None: there is none) and its seconds.
    :ivar account: what signs in at the registry with that password; raises ValueError where it is none.
    """

    name: str
    request: Callable[[Credential, dt.datetime], Call]
    read: Callable[[Mapping[str, object], float], tuple[object, float]]
    account: Callable[[Credential, str], Credential]


_ECR = Exchange("ecr", lambda credential, at: (*ecr.request(credential, at), ecr.BODY), ecr.read, ecr.account)
_ACR = Exchange("acr", acr.request, acr.read, acr.account)
_GOOGLE = Exchange("google", google.request, google.read, google.account)


def exchange_for(credential: Credential) -> Exchange | None:
    """How a credential becomes a password; None: it is one."""
    if ecr.is_access_key(credential):
        return _ECR
    if acr.is_lasting_token(credential):
        return _ACR
    return _GOOGLE if google.is_key(credential) else None
