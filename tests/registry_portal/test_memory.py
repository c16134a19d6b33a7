"""Memory that was freed is the system's again."""

from __future__ import annotations

import subprocess
import sys

from stack.paths import ROOT

#: Four threads read manifests of four mebibytes, and let go of them; prints what is left of that.
_TAKE_AND_FREE = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from oci.spec.strict_json import load
from registry_portal.celery import give_memory_back

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

def take(number):
    body = bytearray()
    body += b'{"a":"'
    while len(body) < 4_000_000:
        body += b"x" * 65_536
    return bool(load(bytes(body) + b'"}'))

if GIVES:
    give_memory_back()
before = resident()
with ThreadPoolExecutor(4) as pool:
    assert all(pool.map(take, range(12)))
print(resident() - before)
"""


def left_over(*, gives: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", f"GIVES = {gives}\n{_TAKE_AND_FREE}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_what_threads_let_go_of_goes_back() -> None:
    """Most of it: the system's own habit is to keep it."""
    assert left_over(gives=True) < left_over(gives=False) / 4
