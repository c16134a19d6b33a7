"""Translations are complete: the catalogue holds every text of the code, and each of them is translated."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from stack.paths import BIN, ROOT

LANGUAGE = "zh_Hans"


def main() -> int:
    """0 if nothing is missing, fuzzy, or wrong in its placeholders."""
    source = ROOT / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
    if not source.is_file():
        print(f"{source.relative_to(ROOT)} is missing")
        return 1
    with tempfile.TemporaryDirectory(prefix="portal-messages-") as directory:
        fresh = _collected(Path(directory))
        problems = [
            f"not translated: {text}"
            for text in sorted(_texts(fresh.read_text(encoding="utf-8")) - _translated(source))
        ]
    checked = subprocess.run(
        ["msgfmt", "--check", "--output-file", "/dev/null", source],
        text=True,
        capture_output=True,
        check=False,
    )
    problems += [line for line in checked.stderr.splitlines() if line]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def _collected(directory: Path) -> Path:
    """A catalogue made anew from the code, beside the real one."""
    copy = directory / "project"
    shutil.copytree(
        ROOT,
        copy,
        ignore=shutil.ignore_patterns(
            ".venv", "var", ".git", "node_modules", "tests", "staticfiles", ".*_cache"
        ),
    )
    command = [
        str(BIN / "python"),
        "manage.py",
        "makemessages",
        "--locale",
        LANGUAGE,
        "--no-location",
        "--no-obsolete",
    ]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    return copy / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"


def _entries(text: str) -> list[tuple[str, str, bool]]:
    """``(msgid, msgstr, fuzzy)`` of each entry that is in use; plural forms are joined."""
    result = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#~")]
        fields: dict[str, str] = {}
        current = ""
        for line in lines:
            if match := re.match(r'(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) "(.*)"$', line):
                current = match[1]
                fields[current] = match[2]
            elif line.startswith('"') and current:
                fields[current] += line[1:-1]
        if fields.get("msgid"):
            said = "".join(value for name, value in fields.items() if name.startswith("msgstr"))
            result.append(
                (fields["msgid"], said, any(line.startswith("#,") and "fuzzy" in line for line in lines))
            )
    return result


def _texts(text: str) -> set[str]:
    return {msgid for msgid, _, _ in _entries(text)}


def _translated(path: Path) -> set[str]:
    return {msgid for msgid, said, fuzzy in _entries(path.read_text(encoding="utf-8")) if said and not fuzzy}


if __name__ == "__main__":
    sys.exit(main())
