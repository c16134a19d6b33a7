"""Rules over what comes back: a tag that is rolled back, a tag from the trash."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from uuid import UUID

from django.utils import timezone

from imageimport.choices import Action, Status, Transport, Verdict
from imageimport.models import ApprovalRequest, ImportTask
from imageimport.policy import trust
from imageimport.policy.decision import Facts, Requirements, RuleSet, decide, requirements_on
from imageimport.policy.judging import learn, named, refusal, rules_for
from imageimport.policy.signatures import proved_at
from oci.copy.candidate import Candidate
from oci.copy.signatures.finding import subject_of
from oci.copy.signatures.places import Place
from oci.signatures.anchors import Anchor
from projects.models import Project
from projects.signatures import proofs_of

#: At an image in our registry, and where its signatures are.
Look = Callable[[], AbstractContextManager[tuple[Candidate, Place]]]


def judge_return(
    project: Project,
    *,
    source_image: str,
    digests: Collection[str],
    look: Look,
) -> None:
    """Whether a tag may name an image again: by the rules for where it came from.

    An approval that the project once gave for it still counts; there is no one else to ask, for nothing is imported.

    :param digests: those of the image, at its source and here.
    :param look: called only where a rule asks for more than names.
    :raises ApplicationError: ``refused_by_rule``.
    :raises OciError: our registry fails.
    """
    rules, now = rules_for(project), timezone.now()
    source, tag = named(source_image)
    facts = Facts(source=source, tag=tag)
    decision = decide(rules, facts, now=now)
    if decision.action != Action.REFUSE:
        asked = requirements_on(rules, facts)
        if any(each != Requirements() for each in asked):
            with look() as (candidate, place):
                facts = _learn(project, rules, facts, candidate, place, digests)
        decision = decide(rules, replace(facts, whole=True), now=now)
    if decision.action == Action.REFUSE:
        raise refusal(decision)
    if decision.action == Action.APPROVE:
        approvals = ApprovalRequest.objects.filter(task__project=project, verdict=Verdict.APPROVED)
        if not approvals.filter(digest__in=digests).exists():
            raise refusal(decision)


def _learn(
    project: Project,
    rules: RuleSet,
    facts: Facts,
    candidate: Candidate,
    place: Place,
    digests: Collection[str],
) -> Facts:
    """As :func:`imageimport.policy.judging.learn`; signatures are proved where the image stands now, or were proved
    when it was made here.
    """
    asked = requirements_on(rules, facts)
    known = learn(rules, facts, candidate, project, digests)
    if candidate.tree is None or not any(each.signed_by for each in asked):
        return known
    anchors = trust.anchors_of(project.pk, facts.source)
    here = proved_at(place, subject_of(candidate.tree), anchors=anchors, asked=asked)
    return replace(known, proved=here | _proved_when_made(project, candidate.digest, anchors))


def _proved_when_made(project: Project, digest: str, anchors: Iterable[Anchor]) -> frozenset[frozenset[UUID]]:
    """What imports proved of an image that they made here from some platforms of a signed index. No one signed its own
    digest, and the index that was signed is not here, so what was proved then counts, for anchors that still do.

    An import whose signatures did not come along proves nothing here, as for any other image; nor does one by Docker
    Engine, which packs layers in its own way.
    """
    made = (
        ImportTask.objects.filter(project=project, status=Status.SUCCESS, digest=digest)
        .exclude(source_digest__in=("", digest))
        .exclude(transport=Transport.DOCKER)
    )
    trusted = {UUID(anchor.id) for anchor in anchors}
    kept = [each for each in made.values_list("signature", flat=True) if each and each.get("at_target")]
    return frozenset(proof for each in kept for proof in proofs_of(each) or () if proof <= trusted)
