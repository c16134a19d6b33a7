"""What an import's signatures say: proved before a blob moves, and once more at the target before the tag is put."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.translation import gettext_noop

from imageimport.messages import parts
from imageimport.models import ImportTask
from imageimport.policy import trust
from imageimport.policy.decision import Requirements, requirements_on
from imageimport.policy.judging import facts_of, rules_for
from imageimport.policy.standing import standing_of
from oci.copy.signatures.finding import find_signatures
from oci.copy.signatures.places import Place
from oci.errors import OciError
from oci.signatures.anchors import Anchor
from oci.signatures.keyless import BadRootError, TrustedRoot, trusted_root
from oci.signatures.proof import Prover, State, Subject, Verdict

log = structlog.get_logger(__name__)

#: What of all signers' names is kept and shown.
_BY_CHARS: Final = 400

_MISSING: Final = gettext_noop("%(digest)s isn't signed, and a rule requires a signature.")
_NOT_AT_TARGET: Final = gettext_noop(
    "The signature of %(digest)s is valid at the source, but wasn't found at the private registry."
)
_NO_ROOT: Final = gettext_noop(
    "The trusted root for keyless signatures can't be read, so they can't be checked."
)
_ENGINE_CHANGES: Final = gettext_noop(
    "Docker Engine may change the digest that was signed. Import this image from registry to registry."
)


@dataclass(slots=True)
class SignatureProof:
    """The gate of one attempt (:class:`oci.copy.signatures.SignatureGate`).

    :param required: ids of anchors, any one of which must have signed: one set for each rule that asks.
    :param keep: takes what is to be kept with the task.
    :param comes_along: whether signatures are copied, so that the target has them.
    """

    anchors: Sequence[Anchor]
    required: tuple[frozenset[str], ...]
    keep: Callable[[dict[str, Any]], None]
    comes_along: bool = True
    verdict: Verdict | None = field(default=None, init=False)
    _held: tuple[Prover, Subject] | None = field(default=None, init=False)
    _at: tuple[Place, Prover] | None = field(default=None, init=False)

    def admit(self, subject: Subject, place: Place) -> None:
        """Find out and remember.

        :raises OciError: where a signature is required: ``signature_missing``, ``signature_invalid``, or the fault
            that leaves it open, which is waited out as any other.
        """
        prover = self._prover_at(place)
        self._held = (prover, subject)
        verdict = self.verdict = self._all(prover, subject)
        log.info("import.signature", state=verdict.state.value, digest=verdict.digest)
        self.keep(as_kept(verdict, _proofs(prover, subject, self.required)))
        if self.required and verdict.state is not State.VERIFIED:
            raise _refusal(verdict)

    def admit_part(self, subject: Subject, place: Place) -> None:
        """Nothing is kept of it: :meth:`admit` follows once it is known what is taken.

        :raises OciError: as :meth:`admit`.
        """
        if not self.required:
            return
        verdict = self._all(self._prover_at(place), subject)
        if verdict.state is not State.VERIFIED:
            raise _refusal(verdict)

    def confirm(self, subject: Subject, place: Place) -> None:
        """What held at the source holds at the target: by every rule that asks, else by any of the same signers.

        :raises OciError: where a signature is required, and the target does not have it.
        """
        if not self.comes_along or self.verdict is None or self.verdict.state is not State.VERIFIED:
            return
        prover = _prover(place, self.anchors)
        there = (
            self._all(prover, subject) if self.required else prover.verdict(subject, _anchors(self.verdict))
        )
        holds = there.state is State.VERIFIED
        at_source = _proofs(*self._held, self.required) if self._held is not None else ()
        self.keep(as_kept(self.verdict, at_source, at_target=holds))
        if holds:
            return
        log.warning("import.signature_not_at_target", state=there.state.value, digest=there.digest)
        if self.required:
            raise OciError("signature_invalid", _NOT_AT_TARGET, retryable=True, digest=there.digest)

    def refuse_engine(self) -> None:
        """Refuse Docker Engine as transport where a signature is required.

        :raises OciError: a signature is required, and Docker Engine would bring something else than was signed.
        """
        if self.required:
            raise OciError("signature_invalid", _ENGINE_CHANGES)

    @property
    def proved(self) -> frozenset[frozenset[UUID]] | None:
        """As of :class:`imageimport.policy.decision.Facts`; None before :meth:`admit`."""
        if self._held is None:
            return None
        return _as_ids(_proofs(*self._held, self.required))

    def _prover_at(self, place: Place) -> Prover:
        """One for each place: an index of many images is proved once."""
        if self._at is None or self._at[0] is not place:
            self._at = (place, _prover(place, self.anchors))
        return self._at[1]

    def _all(self, prover: Prover, subject: Subject) -> Verdict:
        """By every rule that asks; where none does, by any anchor."""
        verdicts = [prover.verdict(subject, each) for each in self.required] or [prover.verdict(subject)]
        bad = next((each for each in verdicts if each.state is not State.VERIFIED), None)
        signers = dict.fromkeys(signer for each in verdicts for signer in each.signers)
        return bad or replace(verdicts[0], signers=tuple(signers))


def proved_at(
    place: Place, subject: Subject, *, anchors: Sequence[Anchor], asked: Iterable[Requirements]
) -> frozenset[frozenset[UUID]]:
    """What is proved of an image that stands at ``place``, as of :class:`imageimport.policy.decision.Facts`.

    :param asked: what the rules that decide require.
    :raises OciError: the fault that leaves it open.
    """
    prover, required = _prover(place, anchors), _signers(asked)
    for each in required:
        fault = prover.verdict(subject, each).fault
        if fault is not None:
            raise fault
    return _as_ids(_proofs(prover, subject, required))


def gate_for(task: ImportTask, keep: Callable[[dict[str, Any]], None]) -> SignatureProof | None:
    """What an import's signatures are held against; None where it is not to be known.

    :param keep: takes what is to be kept with the task.
    """
    found = standing_of(task)
    if found is not None and not (found.has_rules or found.has_anchors):
        return None
    required = required_for(task)
    anchors = trust.anchors_for(task)
    if not required and not anchors:
        return None
    return SignatureProof(anchors, required, keep, comes_along=task.include_referrers)


def proved_now(task: ImportTask, gate: SignatureProof | None) -> frozenset[frozenset[UUID]] | None:
    """What ``gate`` proved, as of :class:`imageimport.policy.decision.Facts`: by those only who are trusted at this
    moment. None where nothing was to be known, or isn't yet.
    """
    proved = gate.proved if gate is not None else None
    if not proved:
        return proved
    trusted = {UUID(anchor.id) for anchor in trust.anchors_for(task)}
    return frozenset(proof for proof in proved if proof <= trusted)


def required_for(task: ImportTask) -> tuple[frozenset[str], ...]:
    """Ids of the anchors one of which must have signed, for each rule that decides and asks for a signature. Source and
    tag alone tell which rules decide, so it is known before anything is read.
    """
    return _signers(requirements_on(rules_for(task.project), facts_of(task)))


def _signers(asked: Iterable[Requirements]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(map(str, each.signed_by)) for each in asked if each.signed_by)


def _prover(place: Place, anchors: Sequence[Anchor]) -> Prover:
    return Prover(partial(find_signatures, place), anchors, _root)


def _proofs(prover: Prover, subject: Subject, required: tuple[frozenset[str], ...]) -> set[frozenset[str]]:
    """Sets of anchors that prove the whole image: each that does alone, and those that meet each rule that asks."""
    alone = [frozenset({anchor.id}) for anchor in prover.anchors]
    verdicts = [prover.verdict(subject, each) for each in (None, *alone, *required)]
    return {_anchors(each) for each in verdicts if each.state is State.VERIFIED}


def _as_ids(proofs: Iterable[frozenset[str]]) -> frozenset[frozenset[UUID]]:
    return frozenset(frozenset(map(UUID, each)) for each in proofs)


def as_kept(
    verdict: Verdict, proved: Collection[frozenset[str]] = (), *, at_target: bool = False
) -> dict[str, Any]:
    """As :mod:`projects.signatures` reads it.

    :param proved: ids, as of :class:`imageimport.policy.decision.Facts`.
    """
    times = [signer.at for signer in verdict.signers if signer.at is not None]
    reason = parts(*verdict.reason) if verdict.reason is not None else None
    return {
        "state": verdict.state.value,
        "by": ", ".join(dict.fromkeys(signer.by for signer in verdict.signers))[:_BY_CHARS],
        "at": min(times).isoformat() if times else None,
        "digest": verdict.digest,
        "reason": reason,
        "anchors": sorted(_anchors(verdict)),
        "proved": sorted(map(sorted, proved)),
        "at_target": at_target,
    }


def _anchors(verdict: Verdict) -> frozenset[str]:
    """Those that prove it together."""
    return frozenset(signer.anchor for signer in verdict.signers)


def _refusal(verdict: Verdict) -> OciError:
    if verdict.fault is not None:
        return verdict.fault
    if verdict.state is State.UNSIGNED or verdict.reason is None:
        return OciError("signature_missing", _MISSING, digest=verdict.digest)
    template, params = verdict.reason
    error = OciError("signature_invalid", template)
    error.params.update(params)
    return error


def _root() -> TrustedRoot:
    """The trusted root for keyless signatures.

    :raises OciError: it can't be read; someone may be about to put it in place.
    """
    try:
        return trusted_root(settings.SIGSTORE_TRUSTED_ROOT)
    except BadRootError as exc:
        log.exception("signatures.no_trusted_root", path=settings.SIGSTORE_TRUSTED_ROOT)
        raise OciError("signature_invalid", _NO_ROOT, retryable=True) from exc
