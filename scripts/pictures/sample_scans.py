"""Scanners, and what they found: much, nothing, not yet, and not at all."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from oci.contents.vulnerabilities import SEVERITIES, Vulnerability
from projects.models import Image, ImageScan, Project, Scanner
from projects.scanning.selectors import packed

_FOUND = (
    ("CVE-2026-31789", "openssl", "3.3.1-r0", "3.3.1-r3", "critical", 1),
    ("CVE-2026-27135", "nghttp2-libs", "1.62.1-r0", "1.62.1-r1", "high", 3),
    ("CVE-2025-15467", "libcrypto3", "3.3.1-r0", "3.3.1-r2", "high", 2),
    ("CVE-2025-60876", "busybox", "1.36.1-r29", "", "medium", 6),
    ("GHSA-c336-7962-wfj2", "a-library-with-a-very-long-name-for-narrow-windows", "0.9.15", "", "low", 4),
)


def fill(project: Project) -> None:
    """Two scanners, and a scan of three images of ``project``."""
    now = timezone.now()
    scanner = Scanner.objects.create(
        name="trivy", url="https://trivy-adapter.security.internal.example:8443", auth_kind="bearer"
    )
    Scanner.objects.create(name="clair", url="http://10.20.0.5:8080", enabled=False, scan_on_import=False)
    rows = [
        Vulnerability(
            f"{name}{'' if number == 0 else f'-{number}'}", package, version, fixed, severity,
            f"https://avd.example.com/{name.lower()}",
        )
        for name, package, version, fixed, severity, times in _FOUND
        for number in range(times)
    ]  # fmt: skip
    counts = {name: sum(row.severity == name for row in rows) for name in SEVERITIES}
    images = {image.repository: image for image in Image.objects.filter(project=project)}
    ended: dict[str, Any] = {
        "scanner": scanner,
        "scanner_name": scanner.name,
        "state": "done",
        "next_at": None,
    }
    _scan(images["nginx"], scanned_at=now - dt.timedelta(hours=2), found=packed(rows), **ended, **counts)
    _scan(images["pause"], scanned_at=now - dt.timedelta(days=1), found=packed([]), **ended)
    _scan(images["redis"], scanner=scanner, scanner_name=scanner.name, state="running", next_at=None)


def _scan(image: Image, **values: Any) -> None:
    ImageScan.objects.create(
        project=image.project, repository=image.repository, digest=image.digest, **values
    )
