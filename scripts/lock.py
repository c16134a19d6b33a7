"""``make lock``: resolve the dependencies of pyproject.toml into the lock files, with hashes, without addresses."""

from __future__ import annotations

import subprocess
import sys

from stack.paths import BIN, ROOT

LOCKS = {
    "requirements.lock": [],
    "requirements-dev.lock": ["--extra", "dev"],
    "requirements-observability.lock": ["--extra", "observability"],
}
OPTIONS = ("--generate-hashes", "--no-emit-index-url", "--no-header", "--python-version", "3.11", "--quiet")


def main(arguments: list[str]) -> int:
    """All locks; ``--upgrade`` moves every version as far as pyproject.toml lets it."""
    uv = str(BIN / "uv")
    for lock, extra in LOCKS.items():
        # The runtime's versions are the same in all, so that what is tested is what runs.
        pins = [] if lock == "requirements.lock" else ["--constraint", "requirements.lock"]
        command = [
            uv,
            "pip",
            "compile",
            "pyproject.toml",
            *extra,
            *pins,
            *OPTIONS,
            *arguments,
            "--output-file",
            lock,
        ]
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
