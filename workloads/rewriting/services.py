"""A manifest pointed here, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from imageimport.batches.parsing import MAX_CHARS, MAX_ENTRIES
from imageimport.models import ImportBatch
from imageimport.submission.requests import default_target_name, target_image
from oci.reference.parser import Reference
from projects.models import Project
from workloads import matching
from workloads.matching import Matches
from workloads.missing import Begun, Skipped, import_missing, missing_image, missing_tag
from workloads.rewriting import editing, rewriting
from workloads.rewriting.rewriting import Target


@dataclass(frozen=True, slots=True)
class RewrittenImage:
    """One image of the text: ``state`` is ``here``, ``missing`` or ``unreadable``."""

    image: str
    state: str
    target_image: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The text as it is to be used, what changed, and what became of each image."""

    text: str
    diff: str
    images: tuple[RewrittenImage, ...]
    batch: ImportBatch | None = None
    skipped: tuple[Skipped, ...] = ()


def rewrite(*, project: Project, text: str, pin: bool = False, user: User | None = None) -> Rewritten:
    """Point the images that the project has here; with ``user``, import those that it lacks and point them here, too.

    :param pin: by digest, where the image is here.
    :raises FieldErrors: on ``text``: too long, or too many images.
    :raises ApplicationError: as :func:`imageimport.batches.services.create`.
    """
    if len(text) > MAX_CHARS:
        raise FieldErrors(
            {"text": [_("The text has more than %(limit)d characters.") % {"limit": MAX_CHARS}]}
        )
    reading = rewriting.read(text)
    references = reading.references
    if len(references) > MAX_ENTRIES:
        raise FieldErrors({"text": [_("The text has more than %(limit)d images.") % {"limit": MAX_ENTRIES}]})
    matches = matching.find(project, references)
    begun = Begun()
    if user is not None:
        missing = [each for each in references if matches.of(each) is None]
        begun = import_missing(project=project, user=user, references=missing, name=_("Images of a manifest"))
    left = {each.image for each in begun.skipped}

    def choose(reference: Reference) -> Target | None:
        if matches.of(reference) is None and (user is None or str(reference) in left):
            return None
        return _target(project, matches, reference, pin=pin)

    edits = rewriting.edits(text, reading, choose)
    images = [_found(project, matches, each) for each in references]
    images += [RewrittenImage(image, "unreadable") for image in reading.unreadable]
    return Rewritten(
        editing.apply(text, edits),
        editing.unified_diff(text, edits),
        tuple(images),
        begun.batch,
        begun.skipped,
    )


def _target(project: Project, matches: Matches, reference: Reference, *, pin: bool) -> Target | None:
    held = matches.of(reference)
    if matching.is_ours(reference) and not (pin and held):
        return None
    host = settings.REGISTRY_PUBLIC_HOST
    if held is None:
        name = default_target_name(project, reference)
        return Target(host, f"{project.name}/{name}", missing_tag(reference), reference.digest or "")
    digest = reference.digest or (held.digest if pin else "")
    return Target(host, f"{project.name}/{held.repository}", held.tag, digest)


def _found(project: Project, matches: Matches, reference: Reference) -> RewrittenImage:
    held = matches.of(reference)
    if held is not None:
        target = target_image(project, held.repository, held.tag)
        return RewrittenImage(str(reference), "here", target, reference.digest or held.digest)
    if matching.is_ours(reference):
        return RewrittenImage(str(reference), "missing")
    return RewrittenImage(str(reference), "missing", missing_image(project, reference))
