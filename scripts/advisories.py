"""Known vulnerabilities of the locked dependencies: ``python -m scripts.advisories``.

One question to OSV (``ADVISORIES_URL``: another host with the same interface). Where it can't be reached nothing is
known: that is said aloud, and fails with ``--strict``, as a release should ask. Without it a machine that has no way
out can still lint.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from typing import Any, Final

from stack.paths import ROOT

URL: Final = "https://api.osv.dev"
LOCKS: Final = ("requirements.lock", "requirements-observability.lock", "requirements-dev.lock")
PATIENCE: Final = 10.0


def main(arguments: Sequence[str] = ()) -> int:
    """0 if no advisory is known; 1 if one is; where no one could be asked 0, or 2 with ``--strict``."""
    packages = sorted({package for lock in LOCKS for package in locked((ROOT / lock).read_text())})
    try:
        found = list(advisories(os.environ.get("ADVISORIES_URL") or URL, packages))
    except (OSError, ValueError, HTTPException) as exc:
        print(
            f"note: NOT CHECKED: known vulnerabilities of {len(packages)} packages could not be read: {exc}",
            file=sys.stderr,
        )
        return 2 if "--strict" in arguments else 0
    print("\n".join(found))
    return 1 if found else 0


def locked(text: str) -> Iterator[tuple[str, str]]:
    """Names and versions of a lock file."""
    yield from re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", text, re.MULTILINE)


def advisories(url: str, packages: list[tuple[str, str]]) -> Iterator[str]:
    """A line for each package with known vulnerabilities.

    :raises OSError: no one answers.
    :raises HTTPException:,
    :raises ValueError: what answers is no OSV.
    """
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in packages
    ]
    request = urllib.request.Request(
        f"{url.rstrip('/')}/v1/querybatch",
        data=json.dumps({"queries": queries}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        answer: Any = json.load(response)
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != len(packages):
        raise ValueError("this is no answer of OSV")
    for (name, version), result in zip(packages, results, strict=True):
        if ids := [found["id"] for found in (result or {}).get("vulns", [])]:
            yield f"{name} {version}: {', '.join(sorted(ids))}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
