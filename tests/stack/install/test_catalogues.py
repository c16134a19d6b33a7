"""Translations are compiled from their sources."""

from __future__ import annotations

import gettext
import os
import shutil
from pathlib import Path

from stack.install.catalogues import compile_catalogues
from stack.paths import ROOT


def test_the_catalogues_are_compiled_from_their_sources(tmp_path: Path) -> None:
    messages = tmp_path / "locale" / "zh_Hans" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    source = messages / "django.po"
    shutil.copy(ROOT / "locale/zh_Hans/LC_MESSAGES/django.po", source)
    compile_catalogues(tmp_path)
    first = (messages / "django.mo").read_bytes()
    with (messages / "django.mo").open("rb") as compiled:
        assert gettext.GNUTranslations(compiled).gettext("Retry") == "重试"
    source.write_text(source.read_text(encoding="utf-8").replace("重试", "再试"), encoding="utf-8")
    os.utime(source, (2**31, 2**31))
    compile_catalogues(tmp_path)
    assert (messages / "django.mo").read_bytes() != first
