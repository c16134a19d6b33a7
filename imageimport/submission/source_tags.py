"""The tags of a source repository that are nearest to a wanted one. Asked while a person waits, so bounded in time."""

from __future__ import annotations

import difflib
import threading
from dataclasses import dataclass
from itertools import islice
from typing import Final

from django.contrib.auth.models import User

from imageimport.registries import clients
from imageimport.registries.source_credentials import source_of
from imageimport.submission.requests import ImportRequest, prepare
from oci.cancel import CancelToken
from oci.errors import Canceled, OciError, gettext_noop
from oci.registry.retry import RetryBudget
from projects.models import Project

#: All pages together, seconds; half of what a plan may take.
MAX_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 3.0
#: Tags that are compared; of a longer list the rest is not read.
MOST_READ: Final = 5000
MAX_SHOWN: Final = 12
#: The most similar ones by a quick measure, which are then compared well.
_SHORTLIST: Final = 100


@dataclass(frozen=True, slots=True)
class Tags:
    """``nearest`` first the most similar ones; ``problem`` is a sentence in the reader's language."""

    nearest: tuple[str, ...] = ()
    read: int = 0
    problem: str = ""


def nearest_tags(*, project: Project, user: User | None, request: ImportRequest) -> Tags:
    """Read the repository's list of tags with the rights and credentials of the request; write nothing.

    :raises FieldErrors: as :func:`imageimport.submission.services.submit`.
    :raises OciError: the list can't be read, ``not_found`` where it is empty, ``timeout`` after :data:`MAX_SECONDS`.
    """
    prepared = prepare(project=project, user=user, request=request)
    cancel = CancelToken()
    alarm = threading.Timer(MAX_SECONDS, cancel.cancel, args=["timeout"])
    alarm.daemon = True
    alarm.start()
    budget = RetryBudget(seconds=RETRY_SECONDS)
    try:
        with source_of(prepared.task) as (reference, credential):
            source = clients.source_client(
                reference, user=user, credential=credential, cancel=cancel, budget=budget
            )
            try:
                source.ping()
                found = list(islice(source.list_tags(reference.repository), MOST_READ))
            finally:
                source.close()
    except Canceled:
        raise OciError(
            "timeout",
            gettext_noop("The registries did not answer all questions within %(seconds)d seconds."),
            seconds=int(MAX_SECONDS),
        ) from None
    finally:
        alarm.cancel()
    if not found:
        raise OciError(
            "not_found",
            gettext_noop("%(host)s lists no tags for %(repository)s. Check the name of the image."),
            host=prepared.source.registry,
            repository=prepared.source.repository,
        )
    return Tags(nearest(prepared.source.default_target_tag, found), len(found))


def nearest(wanted: str, tags: list[str]) -> tuple[str, ...]:
    """The most similar of ``tags``; among equals the order of the list from its end, where newer ones tend to be."""
    matcher = difflib.SequenceMatcher(a="", b=wanted, autojunk=False)

    def roughly(tag: str) -> float:
        matcher.set_seq1(tag)
        return matcher.quick_ratio()

    def well(tag: str) -> float:
        matcher.set_seq1(tag)
        return matcher.ratio()

    newest_first = tags[::-1]
    likely = sorted(newest_first, key=roughly, reverse=True)[:_SHORTLIST]
    return tuple(sorted(likely, key=well, reverse=True)[:MAX_SHOWN])
