"""Who signed an image: each signature that was found is held against those who are trusted."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from oci.errors import Note, OciError, gettext_noop
from oci.signatures import keys
from oci.signatures.anchors import Anchor, KeyAnchor, KeylessAnchor
from oci.signatures.documents import (
    OTHER_IMAGE,
    UNREADABLE,
    Bundle,
    SignatureRejected,
    check_payload,
    check_statement,
    decoded,
    read_bundle,
)
from oci.signatures.keyless import DOES_NOT_HOLD, Identity, TrustedRoot
from oci.spec.manifest import Manifest

NOT_TRUSTED: Final = gettext_noop("Signed by %(by)s, who isn't trusted here.")
NO_TRUSTED_KEY: Final = gettext_noop("No trusted key made the signature.")
NO_TRUSTED_IDENTITY: Final = gettext_noop(
    "The signature was made with a certificate, and no identity is trusted here."
)
#: Of several reasons the one that says most is told.
_TELLING: Final = (NOT_TRUSTED, DOES_NOT_HOLD, NO_TRUSTED_IDENTITY, NO_TRUSTED_KEY, OTHER_IMAGE, UNREADABLE)


class State(StrEnum):
    """What is known about an image's signatures."""

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    INVALID = "invalid"
    UNKNOWN = "unknown"


#: Of several states the one that counts; the first of equals is told.
_WORST: Final = (State.UNKNOWN, State.INVALID, State.UNSIGNED)


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """As cosign keeps one under ``sha256-<hex>.sig``: a payload, and what stands in its layer's annotations."""

    payload: bytes
    signature: str
    certificate: str = ""
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """A sigstore bundle, as it was read."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that says it is a signature and can't be read, or is too large."""


Candidate = SignedPayload | SignedBundle | Unread


@dataclass(frozen=True, slots=True)
class FoundSignatures:
    """What a place has for one digest.

    :param fault: why a question was not answered; there may be more than ``candidates``.
    """

    candidates: tuple[Candidate, ...] = ()
    fault: OciError | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """One signature that holds.

    :param anchor: the id of who is trusted.
    :param by: the anchor's name and, keyless, who the certificate is for.
    :param at: where a log or an authority says when.
    """

    anchor: str
    by: str
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A manifest that may be signed.

    :param parts: of an index: the images that are taken from it.
    """

    manifest: Manifest
    parts: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of an image's signature.

    :param signers: who signed it, or each image of it.
    :param digest: of what the verdict is about: the first that has no signature, or the image.
    :param reason: for people; None where the state says it all.
    :param fault: of an unknown one.
    """

    state: State
    digest: str
    signers: tuple[Signer, ...] = ()
    reason: Note | None = None
    fault: OciError | None = None


@dataclass(frozen=True, slots=True)
class _Judged:
    found: FoundSignatures
    signers: tuple[Signer, ...]
    reason: Note | None


@dataclass(slots=True)
class Prover:
    """Holds what ``find`` brings against ``anchors``, each digest once.

    :param root: the trusted root, asked for when a keyless signature is met; raises :class:`OciError` where it can't be
        read.
    """

    find: Callable[[str], FoundSignatures]
    anchors: Sequence[Anchor]
    root: Callable[[], TrustedRoot]
    _known: dict[str, _Judged] = field(default_factory=dict)

    def verdict(self, subject: Subject, allowed: Collection[str] | None = None) -> Verdict:
        """Whether any one of ``allowed`` (ids of anchors; None: of all) signed the image, or each image taken of an
        index that none signed.
        """
        judged = self._judged(subject.manifest)
        mine = tuple(each for each in judged.signers if allowed is None or each.anchor in allowed)
        digest = subject.manifest.digest
        if mine:
            return Verdict(State.VERIFIED, digest, mine)
        own = self._refusal(judged, digest)
        if not subject.parts:
            return own
        parts = [self.verdict(part, allowed) for part in subject.parts]
        bad = [part for part in parts if part.state is not State.VERIFIED]
        if not bad:
            signers = dict.fromkeys(signer for part in parts for signer in part.signers)
            return Verdict(State.VERIFIED, digest, tuple(signers))
        results = [own, *bad] if len(bad) == len(parts) or own.state is not State.UNSIGNED else bad
        return min(results, key=lambda each: _WORST.index(each.state))

    def _refusal(self, judged: _Judged, digest: str) -> Verdict:
        """Why nothing that was found counts."""
        if judged.found.fault is not None:
            fault = judged.found.fault
            return Verdict(State.UNKNOWN, digest, reason=(fault.template, fault.params), fault=fault)
        if not judged.found.candidates:
            return Verdict(State.UNSIGNED, digest)
        if judged.signers:  # By one who is trusted, but not by one who is asked for.
            return Verdict(State.INVALID, digest, reason=(NOT_TRUSTED, {"by": judged.signers[0].by}))
        return Verdict(State.INVALID, digest, reason=judged.reason)

    def _judged(self, manifest: Manifest) -> _Judged:
        known = self._known.get(manifest.digest)
        if known is None:
            known = self._known[manifest.digest] = self._judge(manifest)
        return known

    def _judge(self, manifest: Manifest) -> _Judged:
        found = self.find(manifest.digest)
        signers: dict[Signer, None] = {}
        refusals: list[Note] = []
        fault = found.fault
        for candidate in found.candidates:
            try:
                signers |= dict.fromkeys(self._signers(candidate, manifest))
            except SignatureRejected as refused:
                refusals.append((refused.template, refused.params))
            except OciError as error:  # The trusted root can't be read, which leaves it open.
                fault = fault or error
        return _Judged(FoundSignatures(found.candidates, fault), tuple(signers), _most_telling(refusals))

    def _signers(self, candidate: Candidate, manifest: Manifest) -> Iterable[Signer]:
        """Whose signature it is, among those who are trusted.

        :raises Refused: no one's.
        """
        match candidate:
            case SignedPayload():
                return self._of_payload(candidate, manifest)
            case SignedBundle():
                return self._of_bundle(read_bundle(candidate.raw), manifest)
            case Unread():
                raise SignatureRejected(UNREADABLE)

    def _of_payload(self, candidate: SignedPayload, manifest: Manifest) -> list[Signer]:
        check_payload(candidate.payload, manifest.digest)
        signature = decoded(candidate.signature)
        by_key = self._by_key(signature, candidate.payload)
        if by_key:
            return by_key
        self._check_may_be_keyless(bool(candidate.certificate))
        root = self.root()
        return self._by_identity(
            root.of_annotations(candidate.payload, signature, candidate.certificate, candidate.bundle)
        )

    def _of_bundle(self, bundle: Bundle, manifest: Manifest) -> list[Signer]:
        if bundle.statement is not None:
            check_statement(bundle.statement, manifest.digest)
        elif bundle.message_digest is not None:
            name, digits = bundle.message_digest
            if hashlib.new(name, manifest.body).hexdigest() != digits:
                raise SignatureRejected(OTHER_IMAGE)
        by_key = self._by_key(bundle.signature, manifest.body if bundle.signed is None else bundle.signed)
        if by_key:
            return by_key
        self._check_may_be_keyless(bundle.has_certificate)
        return self._by_identity(self.root().of_bundle(bundle, manifest.body))

    def _check_may_be_keyless(self, has_certificate: bool) -> None:
        if not has_certificate:
            raise SignatureRejected(NO_TRUSTED_KEY)
        if not self._keyless:
            raise SignatureRejected(NO_TRUSTED_IDENTITY)

    def _by_key(self, signature: bytes, message: bytes) -> list[Signer]:
        return [
            Signer(anchor.id, anchor.name)
            for anchor in self.anchors
            if isinstance(anchor, KeyAnchor) and keys.holds(anchor.key, signature, message)
        ]

    @property
    def _keyless(self) -> list[KeylessAnchor]:
        return [anchor for anchor in self.anchors if isinstance(anchor, KeylessAnchor)]

    def _by_identity(self, identity: Identity) -> list[Signer]:
        found = [
            Signer(anchor.id, f"{anchor.name} ({name})", identity.at)
            for anchor in self._keyless
            for name in identity.names
            if anchor.fits(identity.issuer, name)
        ]
        if not found:
            raise SignatureRejected(NOT_TRUSTED, by=f"{identity.names[0]} ({identity.issuer})"[:400])
        return found


def _most_telling(refusals: Sequence[Note]) -> Note | None:
    order = {template: place for place, template in enumerate(_TELLING)}
    return min(refusals, key=lambda each: order.get(each[0], len(order)), default=None)
