"""Takes defences out of the code, one at a time, and sees that a test misses each.

``python -m scripts.mutations [--list] [--at-once] [WORDS…]``: every defence of ``mutations.toml``, or those with one of
the words in their names. Each is taken out of a copy of the tree, and only the tests named for it are run there. All of
these are run once before with nothing taken out, unless they are known to pass (``--at-once``). The exit code is 1 when
a defence is missed by no test. By hand, for it takes some seconds for each; see docs/threat-model.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.defences import Defence, defences
from stack.paths import ROOT, VENV

#: What a copy of the tree does without.
LEFT_OUT = ("var", "screenshots", "bench", "docs", "deploy")
#: Seconds for the tests of one defence; without it something may wait forever, which is missing it, too.
PATIENCE = 180
#: pytest's exit codes.
PASSED, FAILED = 0, 1


def main(arguments: Sequence[str]) -> int:
    """Run the chosen ones; the number says how it ended."""
    words = [word.lower() for word in arguments if not word.startswith("--")]
    chosen = [each for each in defences() if not words or any(word in each.name.lower() for word in words)]
    if "--list" in arguments:
        print(*(f"{each.name}: {each.without}" for each in chosen), sep="\n")
        return 0
    if not chosen:
        print("No defence has such a name; --list shows all.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="portal-mutations-") as directory:
        copy = Path(directory) / "tree"
        copy_tree(copy)
        if "--at-once" not in arguments and not passes(copy, chosen):
            return 2
        survived = [each for each in chosen if not is_missed(copy, each)]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} defences are missed by a test when they are gone.")
    for each in survived:
        print(f"NOT MISSED: {each.name} ({each.without})", file=sys.stderr)
    return 1 if survived else 0


def passes(copy: Path, chosen: Sequence[Defence]) -> bool:
    """Whether all of their tests pass with nothing taken out."""
    ended, seconds = run(copy, sorted({test for each in chosen for test in each.tests}), PATIENCE * 5)
    print(f"nothing taken out: {'passed' if ended == PASSED else 'FAILED'} in {seconds:.0f} s", flush=True)
    return ended == PASSED


def copy_tree(target: Path) -> None:
    """The tree as it is now, what is not committed too; the environment is shared."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if name.split("/")[0] not in LEFT_OUT and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / ".venv").symlink_to(VENV)


def is_missed(copy: Path, defence: Defence) -> bool:
    """Whether a test fails without it. The copy is whole again afterwards."""
    path = copy / defence.path
    whole = path.read_text(encoding="utf-8")
    path.write_text(defence.taken_out(whole), encoding="utf-8")
    try:
        ended, seconds = run(copy, defence.tests, PATIENCE)
    finally:
        path.write_text(whole, encoding="utf-8")
    word = {PASSED: "NOT MISSED", FAILED: "missed", None: "missed (hangs)"}.get(ended, f"BROKEN ({ended})")
    print(f"{word:14} {seconds:4.0f} s  {defence.name}", flush=True)
    return ended in (FAILED, None)


def run(copy: Path, tests: Iterable[str], patience: float) -> tuple[int | None, float]:
    """pytest's exit code (None: it did not end in time) and seconds."""
    began = time.monotonic()
    # Compiled files are told by time and size: another text of the same length in the same second would be missed.
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
    command = [
        *(str(copy / ".venv/bin/python"), "-m", "pytest", "-q", "-x", "-p", "no:randomly"),
        *("-p", "no:cacheprovider", "--timeout=60", *tests),
    ]
    try:
        done = subprocess.run(
            command, cwd=copy, env=env, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        return None, time.monotonic() - began
    if done.returncode not in (PASSED, FAILED):
        print(done.stdout[-3000:], done.stderr[-1000:], file=sys.stderr)
    return done.returncode, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
