"""The worker's part: hands images to scanners and fetches their reports, a step at a time, so that no worker waits
while a scanner works.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.dedupe import first_within
from accounts.exceptions import internal_error
from oci.contents.vulnerabilities import Findings, read_report
from oci.errors import OciError
from projects.contents.reading import opened_place
from projects.locking import Leases
from projects.models import Image, ImageScan
from projects.registry.public import public_url
from projects.scanning import services
from projects.scanning.adapter import Adapter, NotReady
from projects.scanning.parts import parts_of
from projects.scanning.selectors import packed, unpacked
from projects.token_service.tokens import SCANNER, Access, mint

log = structlog.get_logger(__name__)

#: Steps that all workers together make at once. None takes as long as its claim.
MAX_AT_ONCE: Final = 2
#: Scans that one scanner has at once; one more where two workers begin at the same moment.
MAX_RUNNING: Final = 4
CLAIMS: Final = Leases("claimed_until", 600)
#: A scan of one image ends by then, and so does what the scanner was given for it.
_MAX_TIME: Final = dt.timedelta(minutes=50)
_TRIES: Final = 5
_PAUSE_SECONDS: Final = 15
#: How often is looked for scans to make again, seconds.
_LOOK_SECONDS: Final = 60
#: Failures that say nothing of the image, besides those that are tried again: it is scanned again soon, and what was
#: known stands. A scanner may be slow, gone, or want another secret.
_PASSING: Final = frozenset({"timeout", "not_found", "unauthorized", "credential_unreadable"})
#: Of a scan that has ended.
_ENDED: Final[dict[str, Any]] = {"next_at": None, "ticket": "", "parts": [], "parts_done": 0}

_SLOW: Final = gettext_noop("The scanner had no report after %(minutes)d minutes.")
_DIED: Final = gettext_noop("The scan was interrupted too often. Start it again.")
_GONE: Final = gettext_noop("The image is no longer here.")
_NO_SCANNER: Final = gettext_noop("The scanner was deleted or disabled.")
_NO_TOKENS: Final = gettext_noop(
    "Scans need the portal's token service. With any other kind of sign-in at the registry, the scanner would need "
    "the portal's own password."
)


def run_due(*, stop: Callable[[], bool]) -> int:
    """Queue what is new or old, and make all steps that are due. How many it made."""
    services.queue_new()
    if first_within(_LOOK_SECONDS, "scans-again"):
        services.queue_again()
    count = 0
    while not stop() and (scan := _claim()) is not None:
        _step(scan)
        count += 1
    return count


def _claim() -> ImageScan | None:
    now = timezone.now()
    if ImageScan.objects.filter(CLAIMS.is_held(now), next_at__isnull=False).count() >= MAX_AT_ONCE:
        return None
    due = ImageScan.objects.filter(CLAIMS.is_free(now), next_at__lte=now).exclude(
        state=ImageScan.State.QUEUED, scanner__in=_full()
    )
    # A project with much to scan holds up none that has no scan under way.
    busy = _running().values("project")
    for rows in (due.exclude(project__in=busy), due):
        for scan in (
            rows.order_by("next_at").select_related("project", "scanner").defer("found", "parts")[:10]
        ):
            # Counted before it is made: a worker that dies of it counts nothing.
            if CLAIMS.take(due.filter(pk=scan.pk, next_at=scan.next_at), now, tries=F("tries") + 1):
                scan.claimed_until, scan.tries = CLAIMS.until(now), scan.tries + 1
                return scan
    return None


def _running() -> QuerySet[ImageScan]:
    # Their next time is said although their state implies it: that is what the index is of.
    return ImageScan.objects.filter(state=ImageScan.State.RUNNING, next_at__isnull=False)


def _full() -> QuerySet[Any, Any]:
    """Scanners that have as much to do as they are given: what is queued waits here and not there."""
    counted = _running().exclude(scanner=None).order_by().values("scanner").annotate(count=Count("pk"))
    return counted.filter(count__gte=MAX_RUNNING).values("scanner")


def _step(scan: ImageScan) -> None:
    """One question to the scanner; what follows from its answer is written if the scan is still this worker's."""
    try:
        _write(scan, {"tries": 0, **_ask(scan)})
    except OciError as error:
        _write(scan, _failed(scan, error))
    except Exception:  # what a scanner answers must not be tried without end, nor keep others waiting
        fault = internal_error()
        fault.retryable = True
        log.exception("scan.internal_error", incident=fault.params["incident"])
        _write(scan, _failed(scan, fault))


def _write(scan: ImageScan, values: dict[str, Any]) -> None:
    with transaction.atomic():
        CLAIMS.give_back(ImageScan.objects.filter(pk=scan.pk, claimed_until=scan.claimed_until), **values)


def _ask(scan: ImageScan) -> dict[str, Any]:
    scanner = scan.scanner
    if scan.tries > _TRIES:
        raise OciError("worker_lost", _DIED)
    if scanner is None or not scanner.enabled:
        raise OciError("not_found", _NO_SCANNER)
    if scan.state == ImageScan.State.QUEUED:
        return {"state": ImageScan.State.RUNNING, "parts": _parts(scan), **_again(0)}
    part, adapter = scan.parts[scan.parts_done], Adapter.of(scanner)
    if not scan.ticket:
        ticket = adapter.submit(_request(scan, part))
        # From here on the token lives.
        return {"ticket": ticket, "requested_at": timezone.now(), **_again(2)}
    found = Findings(unpacked(_found_so_far(scan)))

    def read(chunks: Any) -> bool:
        for each in read_report(chunks, part["platform"]):
            found.add(each)
        return True

    answer = adapter.report(scan.ticket, read)
    if isinstance(answer, NotReady):
        if timezone.now() - scan.requested_at > _MAX_TIME:
            raise OciError("timeout", _SLOW, minutes=int(_MAX_TIME.total_seconds() // 60))
        return _again(answer.seconds)
    if scan.parts_done + 1 < len(scan.parts):
        return {**_part_done(scan, found), **_again(0)}
    log.info("scan.done", image=str(scan), scanner=scan.scanner_name)
    return {
        **found.counts(), **_ENDED, "state": ImageScan.State.DONE, "found": packed(found.rows()),
        "scanned_at": timezone.now(), "error": None,
    }  # fmt: skip


def _found_so_far(scan: ImageScan) -> bytes:
    """What this scan found in the parts that are done; what an earlier one found stands beside it."""
    return base64.b64decode(scan.parts[scan.parts_done - 1]["found"]) if scan.parts_done else b""


def _part_done(scan: ImageScan, found: Findings) -> dict[str, Any]:
    """What was found goes on with the part that is done."""
    parts = [{name: value for name, value in part.items() if name != "found"} for part in scan.parts]
    parts[scan.parts_done]["found"] = base64.b64encode(packed(found.rows())).decode()
    return {"parts": parts, "parts_done": scan.parts_done + 1, "ticket": ""}


def _again(seconds: int) -> dict[str, Any]:
    return {"next_at": timezone.now() + dt.timedelta(seconds=seconds)}


def _failed(scan: ImageScan, error: OciError) -> dict[str, Any]:
    log.warning("scan.failed", image=str(scan), scanner=scan.scanner_name, error=str(error))
    if error.retryable and scan.tries < _TRIES:
        return _again(_PAUSE_SECONDS * 2 ** (scan.tries - 1))
    passing = error.code in _PASSING or (error.retryable and error.code != "internal_error")
    return {
        "state": ImageScan.State.FAILED,
        "error": {"template": error.template, "params": error.params, "passing": passing},
        **_ENDED,
    }


def _parts(scan: ImageScan) -> list[dict[str, str]]:
    """The parts of an image that are scanned, each for itself.

    :raises OciError: the image is gone, or can't be read.
    """
    image = Image.objects.select_related("project").filter(
        project=scan.project, repository=scan.repository, digest=scan.digest
    ).first()  # fmt: skip
    if image is None:
        raise OciError("not_found", _GONE)
    with opened_place(image, None) as place:
        return parts_of(place, scan.digest)


def _request(scan: ImageScan, part: dict[str, str]) -> dict[str, Any]:
    """The body of ``POST /api/v1/scan``."""
    repository = f"{scan.project.name}/{scan.repository}"
    return {
        "registry": {
            "url": public_url(),
            **_authorization(repository),
        },
        "artifact": {
            "repository": repository,
            "digest": part["digest"],
            "mime_type": part["media_type"],
        },
    }


def _authorization(repository: str) -> dict[str, str]:
    """A token that pulls this repository and nothing else, and ends with the scan.

    :raises OciError: the registry takes no tokens of ours.
    """
    if settings.REGISTRY_AUTH == "none":
        return {}
    if settings.REGISTRY_AUTH != "token":
        raise OciError("unauthorized", _NO_TOKENS)
    access = [Access("repository", repository, ("pull",))]
    token = mint(subject=SCANNER, access=access, seconds=int(_MAX_TIME.total_seconds()))
    return {"authorization": f"Bearer {token.text}"}
