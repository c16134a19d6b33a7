"""How accounts sign in at registries, and their tokens, kept for the clients that come after.

What is kept belongs to one account at one registry, as one owner has entered it: another password, another owner or
another list of trusted token servers begins with nothing. No password is kept, and nothing for longer than
:data:`KNOWN_SECONDS`, so that a right that ended at the registry has ended here soon, too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from oci.registry.auth.challenge import Challenge
from oci.registry.auth.credentials import Identity, TokenCache
from oci.urls import Url

#: What was learned of an account is passed on for this long, however long its tokens live.
KNOWN_SECONDS: Final = 300.0
#: Accounts that are known at once; the oldest go first.
MAX_KNOWN: Final = 32


@dataclass(eq=False, slots=True)
class KnownSignIn:
    """How one account signs in at one registry, shared by all clients that are it. Each field is set in one step.

    :param challenge: how the registry wants it to sign in; None before anyone heard.
    :param greeted: the registry's root was asked, whatever it said.
    """

    tokens: TokenCache = field(default_factory=TokenCache)
    challenge: Challenge | None = None
    greeted: bool = False
    made_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.made_at < KNOWN_SECONDS


class SignIns:
    """The known sign-ins of all clients behind one door. Thread-safe; a forked process begins with none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._salt = secrets.token_bytes(32)
        #: The one made last is at the end.
        self._known: dict[bytes, KnownSignIn] = {}

    def of(self, registry: Url, identity: Identity) -> KnownSignIn:
        """What is known of ``identity`` at ``registry``; of who makes their own tokens always nothing."""
        if identity.token_provider is not None:
            return KnownSignIn()
        key = self._key(registry, identity)
        with self._lock:
            self._known = {each: known for each, known in self._known.items() if known.is_fresh}
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = KnownSignIn()
            while len(self._known) > MAX_KNOWN:
                self._known.pop(next(iter(self._known)))
        return found

    def _key(self, registry: Url, identity: Identity) -> bytes:
        """Tells all that differs apart, and gives no password away."""
        credential = identity.credential
        account = (credential.owner, credential.username, credential.password) if credential else ()
        identity_parts = repr((os.getpid(), registry.origin, account, tuple(identity.trusted_realms)))
        return hmac.digest(self._salt, identity_parts.encode("utf-8", "surrogatepass"), hashlib.sha256)
