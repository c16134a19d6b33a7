"""Scanners made, changed and taken away; scans that people and new images ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from oci.errors import OciError
from oci.spec.media_types import MANIFEST_TYPES
from projects import audit
from projects.locking import locked
from projects.models import Image, ImageScan, Scanner, TrashedTag
from projects.scanning.adapter import check_url

MAX_SCANNERS: Final = 20
_PLAIN: Final = ("name", "enabled", "scan_on_import")
#: New images are those of the last day; so many are queued at once.
_NEW: Final = dt.timedelta(days=1)
_BATCH: Final = 50

_ENDED: Final = (ImageScan.State.DONE, ImageScan.State.FAILED)
#: A scan is made again when it is so old, since vulnerabilities become known every day; after a failure that passes.
_OLD: Final = dt.timedelta(days=1)
_PASSED: Final = dt.timedelta(hours=1)
#: Nothing is scanned again while so many wait.
_WAITING: Final = 10
#: Rows of others that name what a tag may go back to, with ``project``, ``repository`` and ``digest``.
also_named: Final[list[Callable[[], QuerySet[Any]]]] = []
#: The digest of another row's repository.
_SAME: Final = {name: OuterRef(name) for name in ("project", "repository", "digest")}

_NONE: Final = gettext_noop("No scanner is set up. Ask the administrator to add one.")
_NO_IMAGE: Final = gettext_noop("This is not a container image, so there is nothing to scan.")


def create(*, user: User | None, **values: Any) -> Scanner:
    """Name a scanner.

    :raises FieldErrors: on any field.
    :raises ApplicationError: ``too_many_scanners``.
    """
    scanner = Scanner(created_by=user)
    with transaction.atomic():
        if Scanner.objects.count() >= MAX_SCANNERS:
            raise ApplicationError(
                "too_many_scanners",
                gettext_noop("At most %(limit)s scanners are allowed."),
                limit=MAX_SCANNERS,
            )
        _fill(scanner, values)
        audit.record("scanner.created", scanner)
    return scanner


def update(*, scanner: Scanner, changes: Mapping[str, Any]) -> Scanner:
    """Change a scanner. It keeps its secret, unless its host or the kind of sign-in changes.

    :raises FieldErrors: as :func:`create`.
    """
    with transaction.atomic():
        locked(scanner)
        _fill(scanner, changes)
        audit.record("scanner.changed", scanner, changed=sorted(changes))
    return scanner


def delete(*, scanner: Scanner) -> None:
    """Take a scanner away; what it found stays."""
    with transaction.atomic():
        audit.record("scanner.deleted", scanner)
        scanner.delete()


def _fill(scanner: Scanner, values: Mapping[str, Any]) -> None:
    for name in _PLAIN:
        if name in values:
            setattr(scanner, name, values[name])
    before = (scanner.auth_kind, _origin(scanner.url))
    if "url" in values:
        scanner.url = _url(values["url"])
    auth = values.get("auth") or {}
    if "kind" in auth:
        scanner.auth_kind = auth["kind"]
    if (scanner.auth_kind, _origin(scanner.url)) != before:
        scanner.auth_value = ""
    if auth.get("value") is not None:
        scanner.auth_value = _secret(auth["value"])
    if scanner.auth_kind == Scanner.Auth.NONE and scanner.auth_value:
        raise FieldErrors({"auth": [_("Leave the secret empty.")]})
    if scanner.auth_kind != Scanner.Auth.NONE and not scanner.auth_value:
        raise FieldErrors({"auth": [_("Enter a secret.")]})
    try:
        with transaction.atomic():
            scanner.save()
    except IntegrityError:
        raise FieldErrors({"name": [_("A scanner with this name already exists.")]}) from None


def _url(text: str) -> str:
    try:
        url = check_url(text.strip().rstrip("/"))
    except OciError as error:
        raise FieldErrors({"url": [sentence_of(error)]}) from None
    if url.query:
        raise FieldErrors({"url": [_("Enter the scanner's address without a query.")]})
    return text.strip().rstrip("/")


def _origin(text: str) -> tuple[str, str, int] | None:
    return check_url(text).origin if text else None


def _secret(text: str) -> str:
    if not text.isprintable() or not text.isascii():
        raise FieldErrors({"auth": [_("A secret can contain only visible ASCII characters.")]})
    return text


def request_scan(*, image: Image) -> ImageScan:
    """Have an image scanned, again if it was; one that waits or runs goes on.

    :raises ApplicationError: ``no_scanner``, or ``no_image``.
    """
    scanner = Scanner.objects.filter(enabled=True).first()
    if scanner is None:
        raise ApplicationError("no_scanner", _NONE)
    if image.media_type not in MANIFEST_TYPES or image.artifact_type:
        raise ApplicationError("no_image", _NO_IMAGE)
    with transaction.atomic():
        scan = _queue(image, scanner)
        audit.record("scan.requested", image, digest=image.digest, scanner=scanner.name)
    return scan


def _queue(image: Image, scanner: Scanner) -> ImageScan:
    key = {"project_id": image.project_id, "repository": image.repository, "digest": image.digest}
    ImageScan.objects.bulk_create(
        [ImageScan(**key, scanner=scanner, scanner_name=scanner.name)], ignore_conflicts=True
    )
    _begin_again(ImageScan.objects.filter(**key), scanner)
    return ImageScan.objects.defer("found", "parts").get(**key)


def _begin_again(scans: QuerySet[ImageScan], scanner: Scanner) -> int:
    """Queue those that have ended. What the last scan said stands until there is something newer: what was found, or
    that it failed.
    """
    now = timezone.now()
    return scans.filter(state__in=_ENDED).update(
        state=ImageScan.State.QUEUED, scanner=scanner, scanner_name=scanner.name, tries=0, requested_at=now,
        next_at=now, claimed_until=None, ticket="", parts=[], parts_done=0,
    )  # fmt: skip


def queue_again() -> int:
    """Queue scans that failed by what passes, such as a scanner that was away, and, where images are scanned by
    themselves, those that are a day old. The oldest first, and few at once: what people ask for waits behind them. How
    many.
    """
    scanner = Scanner.objects.filter(enabled=True).first()
    room = _WAITING - ImageScan.objects.filter(state=ImageScan.State.QUEUED, next_at__isnull=False).count()
    if scanner is None or room <= 0:
        return 0
    now = timezone.now()
    due = Q(state=ImageScan.State.FAILED, error__passing=True, requested_at__lte=now - _PASSED)
    if scanner.scan_on_import:
        due |= Q(state__in=_ENDED, requested_at__lte=now - _OLD)
    found = ImageScan.objects.filter(due, Exists(Image.objects.filter(**_SAME)))
    keys = list(found.order_by("requested_at").values_list("pk", flat=True)[:room])
    return _begin_again(ImageScan.objects.filter(pk__in=keys), scanner)


def forget_unused() -> int:
    """Let go of scans of what nothing names for a day: no tag, nor what one may go back to, where rules for severity
    ask for them. How many.
    """
    unused = ImageScan.objects.filter(requested_at__lt=timezone.now() - _NEW)
    named: list[QuerySet[Any]] = [Image.objects.all(), TrashedTag.objects.filter(gone_at=None)]
    for rows in (*named, *(each() for each in also_named)):
        unused = unused.filter(~Exists(rows.filter(**_SAME)))
    count, _by_model = unused.delete()
    return count


def queue_new() -> int:
    """Queue scans of images that came since the scanner is there, lately, and were never scanned. How many."""
    scanner = Scanner.objects.filter(enabled=True).first()
    if scanner is None or not scanner.scan_on_import:
        return 0
    since = max(scanner.created_at, timezone.now() - _NEW)
    known = ImageScan.objects.filter(**_SAME)
    new = Image.objects.filter(
        ~Exists(known),
        updated_at__gte=since,
        media_type__in=MANIFEST_TYPES,
        artifact_type="",
    )
    scans = [
        ImageScan(
            project_id=image.project_id, repository=image.repository, digest=image.digest, scanner=scanner,
            scanner_name=scanner.name,
        )
        for image in new[:_BATCH]
    ]  # fmt: skip
    ImageScan.objects.bulk_create(scans, ignore_conflicts=True)
    return len(scans)
