"""The trusted root is a file, and the network is never asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from oci.signatures.keyless import BadRootError, TrustedRoot, trusted_root
from oci.signatures.proof import Candidate, FoundSignatures, Prover, State, Subject
from stack.paths import ROOT
from tests.oci.signatures.forgeries import ANCHORS, CORPUS, MANIFEST, annotated, bundle
from tests.support.content.signing import keyless_corpus

#: Verifies all that the corpus has, in a process of its own in which any attempt at the network is fatal.
_OFFLINE = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"):
        raise SystemExit(f"network: {event} {arguments}")

sys.addaudithook(watch)
from tests.oci.signatures.forgeries import CORPUS, FORGERIES, MANIFEST, ROOT, ANCHORS, annotated, bundle
from oci.signatures.keyless import trusted_root
from oci.signatures.proof import FoundSignatures, Prover, Subject

trusted_root("")
states = []
for each in [*map(bundle, CORPUS["good"].values()), annotated(CORPUS["goodAnnotations"]), *FORGERIES.values()]:
    prover = Prover(lambda _d: FoundSignatures((each,)), ANCHORS, lambda: ROOT)
    states.append(prover.verdict(Subject(MANIFEST)).state.value)
print(states.count("verified"), states.count("invalid"), len(states))
"""


def test_no_connection_is_opened_and_no_name_is_looked_up(tmp_path: Path) -> None:
    """Nor are caches written: the library's own way to its root would do both."""
    done = subprocess.run(
        [sys.executable, "-c", _OFFLINE],
        cwd=ROOT,
        env=os.environ
        | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    verified, invalid, whole = map(int, done.stdout.split())
    assert (verified, verified + invalid) == (5, whole)
    assert list(tmp_path.iterdir()) == []


def test_the_engine_does_not_load_the_library_before_it_is_needed() -> None:
    """It takes a second and tens of megabytes, and most imports need none of it."""
    code = "import sys, oci.copy.image_copier, oci.signatures.proof; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"sigstore", "tuf", "pydantic"}.isdisjoint(found.stdout.split())


def test_the_root_of_the_public_good_instance_is_there_without_a_file() -> None:
    assert trusted_root("") is trusted_root("")


def test_a_root_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "root.json"
    file.write_text(json.dumps(keyless_corpus()["root"]), encoding="utf-8")
    first = trusted_root(str(file))
    assert trusted_root(str(file)) is first
    file.write_text(json.dumps(keyless_corpus()["foreignRoot"]), encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert trusted_root(str(file)) is not first


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"a root", b" " * 2_000_000])
def test_a_root_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "root.json"
    file.write_bytes(content)
    with pytest.raises(BadRootError):
        trusted_root(str(file))
    with pytest.raises(BadRootError):
        TrustedRoot(content)


def test_a_missing_root_is_an_error_and_never_the_usual_one(tmp_path: Path) -> None:
    with pytest.raises(BadRootError):
        trusted_root(str(tmp_path / "missing.json"))


@pytest.mark.parametrize("part", ["tlogs", "ctlogs", "certificateAuthorities"])
def test_a_root_without_one_of_its_parts_verifies_nothing(part: str) -> None:
    content = json.dumps(CORPUS["root"] | {part: []}).encode()
    try:
        root = TrustedRoot(content)
    except BadRootError:
        return
    candidates: list[Candidate] = [
        *map(bundle, CORPUS["good"].values()),
        annotated(CORPUS["goodAnnotations"]),
    ]
    for candidate in candidates:
        prover = Prover(partial(_found, candidate), ANCHORS, lambda: root)
        assert prover.verdict(Subject(MANIFEST)).state is State.INVALID


def _found(candidate: Candidate, _digest: str) -> FoundSignatures:
    return FoundSignatures((candidate,))
