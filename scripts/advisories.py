"""Known vulnerabilities of the locked dependencies: ``python -m scripts.advisories``.

One question to OSV (``ADVISORIES_URL``: another host with the same interface). Where it can't be reached nothing is
known, and nothing fails: a machine without a way out should still be able to lint.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any, Final

from stack.paths import ROOT

URL: Final = "https://api.osv.dev"
LOCKS: Final = ("requirements.lock", "requirements-observability.lock", "requirements-dev.lock")
PATIENCE: Final = 10.0


def main() -> int:
    """0 if no advisory is known, or none can be asked for."""
    packages = sorted({package for lock in LOCKS for package in locked((ROOT / lock).read_text())})
    try:
        found = list(advisories(os.environ.get("ADVISORIES_URL") or URL, packages))
    except (OSError, ValueError, HTTPException) as exc:
        print(f"note: no advisories could be read: {exc}")
        return 0
    print("\n".join(found))
    return 1 if found else 0


def locked(text: str) -> Iterator[tuple[str, str]]:
    """Names and versions of a lock file."""
    yield from re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", text, re.MULTILINE)


def advisories(url: str, packages: list[tuple[str, str]]) -> Iterator[str]:
    """A line for each package with known vulnerabilities.

    :raises OSError: nobody answers. :raises HTTPException:, :raises ValueError: what answers is no OSV.
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
    sys.exit(main())
