"""Whether a tag that is here is asked for at its source again.

When that was done last is kept in the shared cache, and follows from the import where the cache forgets. With the
source away, or slow, what is here is served, and the source is left alone for :data:`AWAY_SECONDS`.
"""

from __future__ import annotations

import time
from typing import Final

import structlog
from django.core.cache import cache

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.choices import Action
from imageimport.first_pull import services
from imageimport.first_pull.answers import Answer, Coming, Here
from imageimport.first_pull.names import Wanted
from imageimport.first_pull.pullers import Puller
from imageimport.models import ImportTask, TagDigest
from imageimport.policy import judging
from imageimport.registries import clients
from imageimport.submission.requests import ImportRequest, prepare
from oci.cancel import CancelToken
from oci.errors import OciError
from oci.reference.parser import parse_reference
from oci.registry.options import ClientOptions
from oci.registry.retry import RetryBudget, RetryPolicy
from projects import places
from projects.models import Image, Project
from projects.token_service import writers

log = structlog.get_logger(__name__)

#: What a source gets for its answer, and retries within it; seconds.
ASK_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0
#: One that could not be asked is left alone for this time, seconds.
AWAY_SECONDS: Final = 30.0
#: How long a look at a source is one's own, seconds: longer than one takes.
_MINE: Final = 30
#: Longer than any project lets a tag be fresh.
_KEPT: Final = 31_536_000


def image_of(project: Project, wanted: Wanted) -> Image | None:
    """The image that is here under this name, where an import brought it from this very source: what people push stays
    theirs, and is never asked for elsewhere."""
    if not wanted.is_tag or wanted.is_attachment:
        return None
    row = Image.objects.filter(project=project, repository=wanted.repository, tag=wanted.tag).first()
    if row is None or not row.source_image:
        return None
    try:
        came_from = parse_reference(row.source_image)
    except OciError:
        return None
    same = (came_from.full_target_name, came_from.tag) == (wanted.source.full_target_name, wanted.source.tag)
    return row if same and came_from.digest is None else None


def seconds_left(project: Project, wanted: Wanted, now: float) -> float:
    """How long the tag is fresh still; nothing left: its source is to be asked.

    :param now: Unix seconds.
    """
    asked, is_away = cache.get(_key(project, wanted)) or (_imported_at(project, wanted), False)
    fresh = AWAY_SECONDS if is_away else project.first_pull_fresh_seconds
    return float(asked + fresh - now)


def renew(project: Project, wanted: Wanted, puller: Puller, *, since: float) -> Answer:
    """Ask the source whether the tag has moved; what it names now is imported. Whatever fails, what is here is served.

    Of many who pull at once one asks, and the others wait for the answer. While the registry's garbage is collected, no
    one asks.

    :param since: when the pull began, Unix seconds.
    """
    image = image_of(project, wanted)
    if image is None or writers.held():
        # While writers are held back no import starts, and a pull would wait for one in vain.
        return Here()
    if (running := services.running(project, wanted)) is not None:
        return running
    asked, _away = cache.get(_key(project, wanted)) or (0.0, False)
    if asked >= since:
        return Here()
    if not cache.add(f"{_key(project, wanted)}:asking", 1, _MINE):
        return Coming("")
    try:
        moved = _has_moved(project, wanted, puller, image)
    except (ApplicationError, FieldErrors, OciError) as exc:
        log.info(
            "first_pull.not_asked", image=f"{project.name}/{wanted.repository}:{wanted.tag}", error=str(exc)
        )
        _note(project, wanted, is_away=True)
        return Here()
    else:
        _note(project, wanted)
        found = services.start(project, wanted, puller, overwrite=True) if moved else Here()
        return found if isinstance(found, Coming) else Here()
    finally:
        cache.delete(f"{_key(project, wanted)}:asking")


def _has_moved(project: Project, wanted: Wanted, puller: Puller, image: Image) -> bool:
    """Ask the source whether the tag has moved.

    :raises FieldErrors, ApplicationError, OciError: the source may not be asked, or does not answer.
    """
    request = ImportRequest(
        image_url=str(wanted.source), target_name=wanted.repository, target_tag=wanted.tag
    )
    task = prepare(project=project, user=puller.user, request=request).task
    if judging.ask(project).judge(task).action == Action.REFUSE:
        return False
    with places.asking_others(puller.user, seconds=ASK_SECONDS) as cancel:
        digest = _digest_at_source(wanted, puller, cancel)
    return bool(digest) and not _stands_for(image, digest)


def _digest_at_source(wanted: Wanted, puller: Puller, cancel: CancelToken) -> str:
    """What the tag names there; empty where it names nothing anymore."""
    options = ClientOptions(cancel=cancel, retries=RetryPolicy(budget=RetryBudget(seconds=RETRY_SECONDS)))
    source = clients.source_client(wanted.source, user=puller.user, options=options)
    try:
        head = source.head_manifest(wanted.reference)
        if head is None:
            return ""
        return head.digest or source.get_manifest(wanted.reference).digest
    finally:
        source.close()


def _stands_for(image: Image, digest: str) -> bool:
    """Whether the tag names what an import of ``digest`` gave, or what a person set in place of it."""
    rows = TagDigest.objects.filter(project=image.project_id, repository=image.repository, tag=image.tag)
    if image.digest == digest or rows.filter(digest=image.digest, source_digest=digest).exists():
        return True
    last, imported = rows.first(), rows.exclude(task=None).first()
    set_back = last is not None and last.task is None and last.digest == image.digest
    return set_back and imported is not None and imported.source_digest == digest


def _note(project: Project, wanted: Wanted, *, is_away: bool = False) -> None:
    cache.set(_key(project, wanted), (time.time(), is_away), _KEPT)


def _imported_at(project: Project, wanted: Wanted) -> float:
    rows = ImportTask.objects.succeeded().filter(
        project=project, target_name=wanted.repository, target_tag=wanted.tag
    )
    ended = rows.newest_first().values_list("completed_at", flat=True).first()
    return ended.timestamp() if ended else 0.0


def _key(project: Project, wanted: Wanted) -> str:
    return f"first-pull:{project.pk}:{wanted.repository}:{wanted.tag}"
