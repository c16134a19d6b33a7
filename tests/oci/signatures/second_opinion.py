"""What sigstore's own JavaScript, ``@sigstore/verify``, says of every signature that the tests know.

``python -m tests.oci.signatures.second_opinion FOLDER`` asks it (``corpus/verify.mjs`` says what the folder has),
compares with ours, and writes down what it said of those that are the same in each run, in
``corpus/second_opinion.json``, which the tests read without any Node.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from oci.signatures.proof import (
    Candidate,
    FoundSignatures,
    Prover,
    SignedBundle,
    SignedPayload,
    State,
    Subject,
)
from tests.oci.signatures.forgeries import ANCHORS, CORPUS, FORGERIES, KEY, MANIFEST, ROOT, annotated, bundle
from tests.support.content.signing import encoded, simple_payload

CORPUS_FOLDER: Final = Path(__file__).parent / "corpus"
SAID: Final = CORPUS_FOLDER / "second_opinion.json"
_PAYLOAD: Final = simple_payload(MANIFEST.digest)
GOOD: Final[dict[str, Candidate]] = {
    **{f"keyless {name}": bundle(document) for name, document in CORPUS["good"].items()},
    "annotations: good": annotated(CORPUS["goodAnnotations"]),
    "a payload by a key": SignedPayload(_PAYLOAD, encoded(KEY.sign(_PAYLOAD))),
    "bundle: a statement by a key": bundle(KEY.bundle(MANIFEST.digest)),
    "bundle: a message by a key": bundle(KEY.message_bundle(MANIFEST.body)),
}
CASES: Final[dict[str, Candidate]] = {**GOOD, **FORGERIES}
#: What it takes and we refuse, and why. It is never the other way round.
STRICTER: Final[dict[str, str]] = {
    "a signature that is no base64": "it passes over characters that are none",
    "a signature in two lines": "it passes over characters that are none",
    "two claims in one object": "JSON with a name twice: it takes the last, other readers the first",
    "two images in one claim": "the same",
    "bundle: two payloads under one name": "the same",
    "bundle: a statement and a message": "it takes one of the two, other readers the other",
    "bundle: of the type 'application/vnd.dev.sigstore.bundle+json;version=0.1'": "bundles of version 0.3 count",
    "larger than anyone writes": "it has no bound",
    "keyless dsse: another root of the tree": "it looks at the root in the checkpoint only, we at both",
    "keyless message: another root of the tree": "the same",
}


def is_the_same_in_each_run(name: str) -> bool:
    """Keys of tests are made in each run; identities' signatures stand in the corpus."""
    return name.startswith(("keyless", "annotations")) and "stranger's" not in name


def fingerprint(candidate: Candidate) -> str:
    """What was asked about, so that an answer can't be taken for one about something else."""
    return hashlib.sha256(json.dumps(_asked(candidate), sort_keys=True).encode()).hexdigest()


def ours(candidate: Candidate) -> bool:
    """Whether we take it."""
    prover = Prover(lambda _digest: FoundSignatures((candidate,)), ANCHORS, lambda: ROOT)
    return prover.verdict(Subject(MANIFEST)).state is State.VERIFIED


def _asked(candidate: Candidate) -> dict[str, str]:
    if isinstance(candidate, SignedBundle):
        return {"raw": encoded(candidate.raw)}
    assert isinstance(candidate, SignedPayload)
    return {
        "payload": encoded(candidate.payload),
        "signature": candidate.signature,
        "certificate": candidate.certificate,
        "bundle": candidate.bundle,
    }


def disagree(name: str, taken: bool) -> bool:
    """Whether we say something else of a case than ``taken``."""
    return ours(CASES[name]) != taken


def ask(folder: Path) -> dict[str, dict[str, Any]]:
    """``@sigstore/verify``'s word about each case.

    :param folder: where its package is installed.
    """
    about = {
        "root": CORPUS["root"],
        "issuer": CORPUS["issuer"],
        "identity": CORPUS["identity"],
        "manifest": base64.b64encode(MANIFEST.body).decode(),
        "key": KEY.pem,
        "cases": {name: _asked(candidate) for name, candidate in CASES.items()},
    }
    command = ["node", str(CORPUS_FOLDER / "verify.mjs")]
    done = subprocess.run(
        command, cwd=folder, input=json.dumps(about), capture_output=True, text=True, check=True
    )
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def main(arguments: Sequence[str]) -> int:
    """Ask, compare, write down; 1 where it does not agree."""
    (folder,) = arguments
    said = ask(Path(folder))
    taken = {name: bool(each["holds"] and each["says"]) for name, each in said.items()}
    differ = [name for name in CASES if disagree(name, taken[name]) != (name in STRICTER)]
    kept = {
        name: {"of": fingerprint(CASES[name]), "taken": taken[name]}
        for name in CASES
        if is_the_same_in_each_run(name)
    }
    SAID.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for name in differ:
        print(f"{name}: ours {ours(CASES[name])}, @sigstore/verify {said[name]}")
    refused = sum(not each for each in taken.values())
    print(f"{len(taken)} cases: {len(GOOD)} good, {len(FORGERIES)} forged, of which it refuses {refused}")
    print(f"{len(STRICTER)} are refused by us alone, as listed; {len(differ)} differ otherwise")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
