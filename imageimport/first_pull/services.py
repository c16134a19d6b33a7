"""A pull of what is not here: one import, which every pull of the same name waits for.

Nothing is kept between two questions but the import's own row: a pull that waits is asked for again and again
(:mod:`registry_portal.web.webworker`), and finds the import that it started or joined by its target.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.utils.translation import gettext as _

from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from imageimport.first_pull import answers
from imageimport.first_pull.answers import Answer, Coming, Here
from imageimport.first_pull.names import Wanted
from imageimport.first_pull.pullers import Puller
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from oci.errors import OciError
from oci.http.transport import Timeouts
from oci.registry.options import ClientOptions
from oci.registry.retry import RetryPolicy
from projects import places
from projects.models import Project
from projects.registry.client import PULL, opened_repository

#: What an import came to answers pulls of the same name this long: clients ask twice (HEAD, then GET), and again soon.
REMEMBERED: Final = dt.timedelta(seconds=10)
#: What our registry gets for an answer, seconds.
_REGISTRY_SECONDS: Final = 5.0


def bring(project: Project, wanted: Wanted, puller: Puller, *, since: dt.datetime) -> Answer:
    """What a pull gets of an image that the registry did not have.

    :param since: when the pull began: an import that ended since then was the one that it waited for.
    """
    if wanted.is_attachment:
        return answers.unknown(_("Signatures and SBOMs are imported with their image. Pull the image first."))
    task = _latest(project, wanted)
    if task is not None and task.is_active:
        return _joined(task)
    if task is not None and _is_remembered(task, since):
        found = answers.of_task(task)
        if task.error_code == "tag_exists":
            # Someone pushed to the tag in between: that is what it names now.
            return _if_here(project, wanted) or found
        if not isinstance(found, Here):
            return found
    # It has come in the meantime; or the registry has no form of it that this client takes, and says so itself.
    return _if_here(project, wanted) or start(project, wanted, puller)


def start(project: Project, wanted: Wanted, puller: Puller, *, overwrite: bool = False) -> Answer:
    """Ask for an import, as a person would; one that runs to this tag already is joined.

    :param overwrite: the tag is here and may be moved. Else what is pushed to it in between stays.
    """
    request = ImportRequest(
        image_url=str(wanted.source),
        target_name=wanted.repository,
        target_tag=wanted.tag,
        # A digest is of the whole image.
        platforms=None if wanted.is_tag else (),
        overwrite=overwrite,
    )
    try:
        task = services.submit(project=project, user=puller.user, robot=puller.robot, request=request)
    except FieldErrors as exc:
        return answers.of_fields(exc)
    except ApplicationError as exc:
        if exc.code == "target_busy" and (running := _latest(project, wanted)) is not None:
            return _joined(running)
        return answers.of_error(exc)
    return answers.of_task(task)


def running(project: Project, wanted: Wanted) -> Here | Coming | None:
    """What an import of this name means for who pulls what is here, if there is one: how far it is; where it is not due
    yet (its hours, a source that is away), what is here is served, and the import comes in its own time."""
    task = _latest(project, wanted)
    if task is None or not task.is_moving:
        return None
    if task.is_waiting_until:
        return Here()
    found = answers.of_task(task)
    return found if isinstance(found, Coming) else None


def _latest(project: Project, wanted: Wanted) -> ImportTask | None:
    rows = ImportTask.objects.filter(project=project, target_name=wanted.repository, target_tag=wanted.tag)
    return rows.newest_first().first()


def _joined(task: ImportTask) -> Answer:
    services.hasten(task)
    return answers.of_task(task)


def _is_remembered(task: ImportTask, since: dt.datetime) -> bool:
    return task.completed_at is not None and task.completed_at > since - REMEMBERED


def _if_here(project: Project, wanted: Wanted) -> Answer | None:
    """What to answer if the registry has it by now, in any form; None where it has not."""
    options = ClientOptions(
        retries=RetryPolicy(tries=1),
        timeouts=Timeouts(headers_seconds=_REGISTRY_SECONDS, stall_seconds=_REGISTRY_SECONDS),
    )
    try:
        with (
            places.asking_ours(),
            opened_repository(f"{project.name}/{wanted.repository}", PULL, options=options) as there,
        ):
            return Here() if there.head_manifest(wanted.reference) is not None else None
    except OciError as exc:
        if exc.code == "rate_limited":
            # Many pulls ask at once: each comes to its turn, or joins the import that another has started.
            return Coming(sentence_of(exc))
        # The client then hears from it.
        return Here()
