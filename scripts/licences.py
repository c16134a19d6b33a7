"""Licences of what is shipped: each is known, and none binds those who use it in a company."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata

from stack.paths import BIN, ROOT

#: Words of licences that put no condition on the portal's own code (weak copyleft binds its own files only).
FREE = re.compile(
    r"MIT|BSD|Apache|ISC|Python|PSF|HPND|Unlicense|MPL|Mozilla|LGPL|Lesser General|Zope|CC0|Public Domain|0BSD",
    re.IGNORECASE,
)


def main() -> int:
    """0 if every locked runtime package has a licence of the list."""
    locked = re.findall(
        r"^([a-z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    command = [BIN / "pip-licenses", "--format", "json", "--from", "mixed", "--packages", *locked]
    found = json.loads(subprocess.run(command, check=True, text=True, capture_output=True).stdout)
    odd = [
        f"{row['Name']} {row['Version']}: {row['License']}"
        for row in found
        if not FREE.search(row["License"] if row["License"] != "UNKNOWN" else _title(row["Name"]))
    ]
    for line in odd:
        print(line)
    print(f"{len(found)} packages")
    return 1 if odd else 0


def _title(package: str) -> str:
    """How the text of a licence begins, for packages whose metadata name none; empty without one."""
    for file in metadata.files(package) or []:
        if file.name.startswith(("LICENSE", "LICENCE", "COPYING")):
            return file.read_text(encoding="utf-8").strip().partition("\n")[0]
    return ""


if __name__ == "__main__":
    sys.exit(main())
