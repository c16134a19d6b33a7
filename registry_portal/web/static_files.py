"""Collects static files only when they changed: it takes seconds, and most starts change nothing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import OutputWrapper

FINGERPRINT = ".collected"


def collect_if_changed(*, output: TextIO | OutputWrapper) -> bool:
    """Bring ``STATIC_ROOT`` up to date; whether there was anything to do."""
    mark = Path(settings.STATIC_ROOT) / FINGERPRINT
    wanted = fingerprint()
    if mark.is_file() and mark.read_text(encoding="ascii") == wanted:
        return False
    kept = os.umask(0o022)  # static files are for everybody, a web server among them
    try:
        call_command("collectstatic", verbosity=0, interactive=False, stdout=output, stderr=output)
    finally:
        os.umask(kept)
    mark.write_text(wanted, encoding="ascii")
    return True


def fingerprint() -> str:
    """Changes when any static file of any app does, or the way in which they are stored."""
    hasher = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list(None), key=lambda found: found[0]):
            status = Path(storage.path(name)).stat()
            hasher.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return hasher.hexdigest()
