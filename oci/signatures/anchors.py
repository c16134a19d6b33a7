"""Whom an installation or a project trusts: a key, or an identity that a certificate names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from oci.signatures.keys import PublicKey


@dataclass(frozen=True, slots=True)
class KeyAnchor:
    """Signatures of this key count. ``id`` is the caller's; ``name`` is what people call it."""

    id: str
    name: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class KeylessAnchor:
    """Signatures count that were made with a certificate of the trusted root for this identity.

    :param issuer: who signed the person or the workflow in, e.g. ``https://token.actions.githubusercontent.com``.
    :param identity: an e-mail address or a URI; a glob where ``is_pattern``.
    """

    id: str
    name: str
    issuer: str
    identity: str
    is_pattern: bool = False

    def fits(self, issuer: str, identity: str) -> bool:
        """Whether it is this identity, whole, by this issuer, whole."""
        if issuer != self.issuer:
            return False
        return matches(self.identity, identity) if self.is_pattern else identity == self.identity


Anchor = KeyAnchor | KeylessAnchor


def matches(glob: str, identity: str) -> bool:
    """Whether the whole identity fits: ``*`` is any characters, ``/`` too, ``?`` is one."""
    return _compiled(glob).fullmatch(identity) is not None


@lru_cache(maxsize=4096)
def _compiled(glob: str) -> re.Pattern[str]:
    """By :mod:`fnmatch`, whose expressions don't backtrack; brackets are characters like any other."""
    return re.compile(translate(glob.replace("[", "[[]")))
