"""Translations as gettext reads them, compiled from their sources: a product of the install, not of the repository.

Each release of gettext writes other bytes, so a compiled catalogue under version control would differ on each machine.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from stack.paths import ROOT


def compile_catalogues(root: Path = ROOT) -> None:
    """Bring the compiled translations below ``root/locale`` up to date with their sources.

    :raises subprocess.CalledProcessError: ``msgfmt`` refuses a catalogue.
    """
    for source in sorted(root.glob("locale/*/LC_MESSAGES/*.po")):
        compiled = source.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["msgfmt", "--output-file", compiled, source], check=True)
