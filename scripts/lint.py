"""``make lint``: every check of form, one after the other, and what failed at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stack.paths import BIN, ROOT

PRODUCT = ["oci", "accounts", "projects", "imageimport", "workloads", "registry_portal", "stack"]
PACKAGES = [*PRODUCT, "scripts", "bench", "testbed", "client/portal_client", "tests"]
#: Six lines that stand twice, whatever the comments, are one function.
DUPLICATES = [
    *(str(BIN / "pylint"), "--disable=all", "--enable=duplicate-code", "--score=no", "--ignore=migrations"),
    *("--min-similarity-lines=6", "--ignore-imports=y", "--ignore-signatures=y", "--ignore-docstrings=y"),
]
PYTHON = str(BIN / "python")


def checks() -> dict[str, Sequence[str]]:
    """Name of each check, and its command."""
    manage = [PYTHON, "manage.py"]
    return {
        "style": [str(BIN / "ruff"), "check", "--quiet", "."],
        "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
        "types": [str(BIN / "mypy"), *PACKAGES],
        "templates": [str(BIN / "djlint"), "--lint", "--quiet", "templates"],
        "imports": [str(BIN / "lint-imports"), "--no-logo"],
        "Django": [*manage, "check", "--fail-level", "WARNING"],
        "migrations": [*manage, "makemigrations", "--check", "--dry-run"],
        "additive": [PYTHON, "-m", "scripts.migrations"],
        "OpenAPI": [*manage, "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull],
        "translations": [PYTHON, "-m", "scripts.translations"],
        "dead code": [PYTHON, "-m", "scripts.deadcode"],
        "duplicates": [*DUPLICATES, *PRODUCT, "client/portal_client"],
        "mirror": [PYTHON, "-m", "scripts.mirror"],
        "sizes": [PYTHON, "-m", "scripts.sizes"],
        "records": [PYTHON, "-m", "scripts.records"],
        "words": [PYTHON, "-m", "scripts.words"],
        "links": [PYTHON, "-m", "scripts.links"],
        "licences": [PYTHON, "-m", "scripts.licences"],
        "advisories": [PYTHON, "-m", "scripts.advisories"],
    }


def main(arguments: list[str]) -> int:
    """Run the named checks, or all; 0 if all pass."""
    chosen = {name: command for name, command in checks().items() if not arguments or name in arguments}
    if unknown := set(arguments) - set(chosen):
        print(
            f"No such check: {', '.join(sorted(unknown))}. There are: {', '.join(checks())}", file=sys.stderr
        )
        return 2
    with tempfile.TemporaryDirectory(prefix="portal-lint-") as directory:
        # The client is a package of its own in a folder of its own.
        path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT / "client"))))
        env = {**os.environ, "PYTHONPATH": path, "PORTAL_DATA_DIR": directory, "PORTAL_DOTENV": ""}
        failed = [name for name, command in chosen.items() if not _passes(name, command, env)]
    print(
        f"{len(chosen) - len(failed)} of {len(chosen)} checks passed."
        + (f" Failed: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


def _passes(name: str, command: Sequence[str], env: dict[str, str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    good = done.returncode == 0
    print(f"{'ok  ' if good else 'FAIL'} {name} ({time.monotonic() - started:.1f} s)", flush=True)
    output = done.stdout + done.stderr
    if not good:
        print(output)
    for line in output.splitlines() if good else []:
        if line.startswith("note: "):
            print(f"     {line}")
    return good


def project_files(*suffixes: str) -> list[Path]:
    """Files under version control with one of these endings."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
    ).stdout
    return [
        ROOT / line for line in listed.splitlines() if line.endswith(suffixes) and (ROOT / line).is_file()
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
