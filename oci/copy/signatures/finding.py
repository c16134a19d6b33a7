"""Where the signatures of an image stand: under cosign's tag ``sha256-<hex>.sig``, and in what refers to the image, by
the referrers API or under the tag ``sha256-<hex>``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from oci.copy.manifest_tree import Tree
from oci.copy.signatures.places import Place
from oci.errors import OciError
from oci.signatures.documents import BUNDLE_TYPES, DOCUMENT_BYTES
from oci.signatures.proof import Candidate, FoundSignatures, SignedBundle, SignedPayload, Subject, Unread
from oci.spec.manifest import Descriptor, Manifest

Answer = TypeVar("Answer")

#: cosign's annotations of a layer; the second is how some writers name the first.
_SIGNATURE: Final = ("dev.cosignproject.cosign/signature", "dev.sigstore.cosign/signature")
_CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
_BUNDLE: Final = "dev.sigstore.cosign/bundle"
#: What is read for one digest: an image is signed by few, and everyone who may push there can add more.
_MANIFESTS: Final = 100
_CANDIDATES: Final = 100
#: Answers that are final: it is not there, or no signature that anyone could read.
_FINAL: Final = frozenset(
    {
        "not_found",
        "target_error",
        "digest_mismatch",
        "unsupported_manifest",
        "limit_exceeded",
        "protocol_error",
    }
)


def subject_of(tree: Tree) -> Subject:
    """An image as it is signed: the images that are taken of an index are its parts.

    What BuildKit attests to is no image, as long as every entry for it says so and claims no platform: of an unsigned
    index everything else could be run.
    """

    def made(manifest: Manifest) -> Subject:
        runs = dict.fromkeys(child.digest for child in tree.entries(manifest) if not child.runs_nowhere)
        return Subject(manifest, tuple(made(tree.manifests[digest]) for digest in runs))

    return made(tree.root)


def find_signatures(place: Place, digest: str) -> FoundSignatures:
    """All signatures of one digest, of both layouts, and whether every question was answered."""
    search = _Search(place)
    search.run(digest)
    return FoundSignatures(
        tuple(search.candidates), search.fault or (None if search.candidates else place.unheard)
    )


@dataclass(slots=True)
class _Search:
    place: Place
    candidates: list[Candidate] = field(default_factory=list)
    fault: OciError | None = None

    def run(self, digest: str) -> None:
        tagged = self._asked(lambda: self.place.tagged(digest))
        if tagged is not None:
            self._take(self._payloads(tagged))
        referrers = self._asked(lambda: self.place.referrers(digest)) or ()
        # Those that say so first: the type in a list is what the writer of the list says.
        ordered = sorted(referrers, key=lambda each: each.artifact_type not in BUNDLE_TYPES)
        for descriptor in ordered[:_MANIFESTS]:
            self._take(self._of_referrer(descriptor))
        if len(ordered) > _MANIFESTS:
            self.candidates.append(Unread())

    def _take(self, found: Iterator[Candidate]) -> None:
        for candidate in found:
            if len(self.candidates) >= _CANDIDATES:
                return
            self.candidates.append(candidate)

    def _of_referrer(self, descriptor: Descriptor) -> Iterator[Candidate]:
        try:
            manifest = self.place.manifest(descriptor.digest)
        except OciError as error:
            may_be_signature = descriptor.artifact_type in BUNDLE_TYPES or error.code == "limit_exceeded"
            if not self._is_open(error) and may_be_signature:
                yield Unread()
            return
        yield from self._payloads(manifest)
        for layer in manifest.layers:
            if layer.media_type in BUNDLE_TYPES or (
                manifest.artifact_type in BUNDLE_TYPES and not _signature_in(layer)
            ):
                content = self._read(layer)
                yield SignedBundle(content) if content is not None else Unread()

    def _payloads(self, manifest: Manifest) -> Iterator[Candidate]:
        """cosign's: a layer is a payload, its signature an annotation."""
        for layer in manifest.layers:
            signature = _signature_in(layer)
            if not signature:
                continue
            content = self._read(layer)
            annotations = layer.annotations
            yield (
                SignedPayload(
                    content, signature, annotations.get(_CERTIFICATE, ""), annotations.get(_BUNDLE, "")
                )
                if content is not None
                else Unread()
            )

    def _read(self, layer: Descriptor) -> bytes | None:
        if layer.data is not None:
            return layer.data
        if layer.size > DOCUMENT_BYTES:
            return None
        try:
            return self.place.blob(layer.digest, layer.size)
        except OciError as error:
            self._is_open(error)
            return None

    def _asked(self, question: Callable[[], Answer]) -> Answer | None:
        try:
            return question()
        except OciError as error:
            if self._is_open(error):
                return None
            if error.code != "not_found":
                self.candidates.append(Unread())
            return None

    def _is_open(self, error: OciError) -> bool:
        """Whether an error leaves it open what is there; it is remembered then."""
        if error.code in _FINAL and not error.retryable:
            return False
        self.fault = self.fault or error
        return True


def _signature_in(layer: Descriptor) -> str:
    return next((layer.annotations[key] for key in _SIGNATURE if layer.annotations.get(key)), "")
