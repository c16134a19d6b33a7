"""Where signatures are looked for: a source that is being read, or a repository; and who judges what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from oci.copy.manifest_tree import Fetch
from oci.copy.referrers import Lookups
from oci.errors import OciError
from oci.memory import MemoryBudget
from oci.registry.repository import Repository, referrers_tag
from oci.registry.source import Source
from oci.signatures.proof import Subject
from oci.spec.manifest import Descriptor, Manifest

SIGNATURE_SUFFIX: Final = ".sig"


class Place(Protocol):
    """Where signatures are looked for. Each method raises :class:`OciError`."""

    def tagged(self, digest: str) -> Manifest | None:
        """What stands under cosign's tag for signatures."""

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What refers to it, by whichever way the place keeps that."""

    def manifest(self, digest: str) -> Manifest: ...

    def blob(self, digest: str, size: int) -> bytes: ...

    @property
    def unheard(self) -> OciError | None:
        """Why an answer "there is none" may not be the whole truth."""


class SignatureGate(Protocol):
    """Judges what an image's signatures say."""

    def admit(self, subject: Subject, place: Place) -> None:
        """Before any blob of the image is read.

        :raises OciError: it may not come in, or it is not known yet.
        """

    def admit_part(self, subject: Subject, place: Place) -> None:
        """Before the configuration of one image of an index is read to learn what it is for. Only where a signature is
        required is anything asked.

        :param subject: the index with this one image as what is taken of it.
        :raises OciError: neither is proved, or it is not known yet.
        """

    def confirm(self, subject: Subject, place: Place) -> None:
        """The same image once all of it is at the target, before the tag is put.

        :raises OciError: what was proved at the source is not proved there.
        """


@dataclass(frozen=True, slots=True)
class AtSource:
    """A source that is being read: what is asked is what the copy asks anyway.

    :param contents: small blobs that were read, for the copy.
    """

    source: Source
    lookups: Lookups
    fetch: Fetch
    contents: dict[str, bytes]
    documents: MemoryBudget

    def tagged(self, digest: str) -> Manifest | None:
        self.lookups.ask([digest])
        wanted = referrers_tag(digest) + SIGNATURE_SUFFIX
        return next(asked.result() for tag, asked in self.lookups.tagged(digest) if tag == wanted)

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        self.lookups.ask([digest])
        return self.lookups.referrers(digest).result()

    def manifest(self, digest: str) -> Manifest:
        return self.fetch(digest)

    def blob(self, digest: str, size: int) -> bytes:
        found = self.contents.get(digest)
        if found is None:
            self.documents.reserve(2 * size)
            found = self.contents[digest] = self.source.read_blob(digest, size)
        return found

    @property
    def unheard(self) -> OciError | None:
        return self.source.unheard


@dataclass(frozen=True, slots=True)
class AtRepository:
    """A repository at one registry."""

    repository: Repository

    def tagged(self, digest: str) -> Manifest | None:
        return self.repository.find_manifest(referrers_tag(digest) + SIGNATURE_SUFFIX)

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        return self.repository.referrers(digest)

    def manifest(self, digest: str) -> Manifest:
        return self.repository.get_manifest(digest)

    def blob(self, digest: str, size: int) -> bytes:
        return self.repository.read_blob(digest, size)

    @property
    def unheard(self) -> OciError | None:
        return None
