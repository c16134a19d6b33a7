"""Translations are complete: the catalogue holds every text of the code, each of them translated, and no other."""

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
    """0 if nothing is missing, stale, fuzzy, or wrong in its placeholders."""
    source = ROOT / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
    if not source.is_file():
        print(f"{source.relative_to(ROOT)} is missing")
        return 1
    with tempfile.TemporaryDirectory(prefix="portal-messages-") as directory:
        fresh = _collected(Path(directory)).read_text(encoding="utf-8")
    problems = differences(source.read_text(encoding="utf-8"), fresh)
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


def differences(kept: str, fresh: str) -> list[str]:
    """A line for each text without a translation, and for each translation without a text.

    :param kept: the catalogue.
    :param fresh: what the code has now.
    """
    texts = _texts(fresh)
    missing = [f"not translated: {text}" for text in sorted(texts - _translated(kept))]
    return missing + [f"in no source any longer: {text}" for text in sorted(_texts(kept) - texts)]


def _collected(directory: Path) -> Path:
    """A fresh catalogue of the code, beside the real one."""
    copy = directory / "project"
    shutil.copytree(
        ROOT,
        copy,
        ignore=shutil.ignore_patterns(
            ".venv", "var", "client", ".git", "node_modules", "tests", "staticfiles", ".*_cache"
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
    """``(msgid, msgstr, fuzzy)`` of each entry that is in use, with its context; plural forms are joined."""
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
            translation = "".join(value for name, value in fields.items() if name.startswith("msgstr"))
            of = f" ({fields['msgctxt']})" if "msgctxt" in fields else ""
            is_fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in lines)
            result.append((fields["msgid"] + of, translation, is_fuzzy))
    return result


def _texts(text: str) -> set[str]:
    return {msgid for msgid, _, _ in _entries(text)}


def _translated(text: str) -> set[str]:
    return {msgid for msgid, translation, fuzzy in _entries(text) if translation and not fuzzy}


if __name__ == "__main__":
    sys.exit(main())
