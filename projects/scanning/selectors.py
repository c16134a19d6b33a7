"""What is known of the vulnerabilities of images."""

from __future__ import annotations

import datetime as dt
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from accounts.exceptions import filled
from oci.contents.vulnerabilities import SEVERITIES, Vulnerability, worst
from projects.models import Image, ImageScan, Project

_FAILED: Final = ImageScan.State.FAILED.value
_FIELDS: Final = ("state", "scanner_name", "scanned_at", "error", *SEVERITIES)


@dataclass(frozen=True, slots=True)
class Summary:
    """As the API and pages say it; ``counts`` are those of the last scan that ended well."""

    state: str
    scanner: str
    counts: Mapping[str, int]
    scanned_at: dt.datetime | None
    detail: str = ""

    @property
    def known(self) -> bool:
        return self.scanned_at is not None


def with_scans(images: QuerySet[Image]) -> QuerySet[Image]:
    """Each with ``scan``, by the same query: what :func:`summary_of` takes."""
    scans = ImageScan.objects.filter(
        project=OuterRef("project"), repository=OuterRef("repository"), digest=OuterRef("digest")
    )
    facts = JSONObject(**{name: name for name in _FIELDS})
    return images.annotate(scan=Subquery(scans.values(facts=facts)[:1]))


def scan_of(image: Image) -> ImageScan | None:
    """The scan of an image, without what it found."""
    return ImageScan.objects.filter(
        project=image.project_id, repository=image.repository, digest=image.digest
    ).defer("found", "parts").first()  # fmt: skip


def summary_of(image: Image) -> Summary:
    """What is known of one image; of one that :func:`with_scans` brought, without a question."""
    if hasattr(image, "scan"):
        facts = image.scan or {}
    else:
        scan = scan_of(image)
        facts = {name: getattr(scan, name) for name in _FIELDS} if scan is not None else {}
    if not facts:
        return Summary("none", "", dict.fromkeys(SEVERITIES, 0), None)
    error = facts["error"]
    # SQLite has JSON in JSON as a text.
    error = json.loads(error) if isinstance(error, str) else error
    return Summary(
        facts["state"],
        facts["scanner_name"],
        {name: facts[name] for name in SEVERITIES},
        _moment(facts["scanned_at"]),
        filled(error["template"], error["params"]) if error and facts["state"] == _FAILED else "",
    )


def findings_of(image: Image) -> list[Vulnerability]:
    """What was found in it, the worst first."""
    found = ImageScan.objects.filter(
        project=image.project_id, repository=image.repository, digest=image.digest
    ).values_list("found", flat=True).first()  # fmt: skip
    return unpacked(found or b"")


def packed(rows: Sequence[Vulnerability]) -> bytes:
    """As a scan keeps what it found; row by row, since all of it as one text takes several times its memory."""
    press = zlib.compressobj()
    pieces: list[bytes] = []
    for number, row in enumerate(rows):
        text = json.dumps(asdict(row), ensure_ascii=False)
        pieces.append(press.compress(f"{',' if number else '['}{text}".encode()))
    return b"".join((*pieces, press.compress(b"]" if rows else b"[]"), press.flush()))


def unpacked(content: bytes | memoryview) -> list[Vulnerability]:
    """What :func:`packed` made."""
    rows = json.loads(zlib.decompress(bytes(content))) if content else []
    return [Vulnerability(**{**row, "platforms": tuple(map(sys.intern, row["platforms"]))}) for row in rows]


def _moment(moment: Any) -> dt.datetime | None:
    """A moment as databases write it into JSON."""
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment)
    if moment is None:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def severity_of(project: Project, source: str, digest: str) -> str | None:
    """The worst that the last scan of a digest found, in the project or where it is copied from; empty: nothing. None:
    there was none, or its report could not be read, so nothing is known. While it is made again, or where that failed
    by what passes, the one before counts: otherwise rules would refuse all images while a scanner is away.

    :param source: as rules name it: of an image of ours ``<public host>/<project>/<repository>``.
    """
    where = Q(project=project)
    host, _, rest = source.partition("/")
    if host == settings.REGISTRY_PUBLIC_HOST.lower():
        name, _, repository = rest.partition("/")
        where |= Q(project__name=name, repository=repository)
    stands = Q(error__isnull=True) | Q(error__passing=True)
    done = ImageScan.objects.filter(where, stands, digest=digest, scanned_at__isnull=False)
    found = [scan.counts for scan in done.defer("found", "parts")]
    if not found:
        return None
    return worst({name: max(counts[name] for counts in found) for name in SEVERITIES})
