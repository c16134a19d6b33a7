"""Puts what is attached to an image at the target, so that what is attached there already stays.

Lists under stand-in tags are merged; cosign's tags are merged as cosign does it, or stay where nothing may be
overwritten. Before the image's own tag is put, all of it is read back.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from oci import limits
from oci.copy.cosign_tags import merged
from oci.copy.observer import Announcements, Entry
from oci.copy.publisher import Publisher
from oci.copy.referrers import Referrers
from oci.errors import Note, OciError, gettext_noop
from oci.registry.faults import RegistryError
from oci.registry.repository import Repository, referrers_tag
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.media_types import OCI_INDEX

#: Between two looks at what does not show yet, seconds; of two that put the same list one comes first.
_PAUSE: Final = (0.1, 0.5)
#: Codes by which a registry says that something a list names is not there.
_GONE: Final = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})
_KEPT: Final = gettext_noop("The tag %(tag)s points to something else in the project and was not changed.")
_REPLACED: Final = gettext_noop(
    "The tag %(tag)s pointed to %(digest)s before; it now points to what came with the image."
)
_LOST: Final = gettext_noop("The target registry %(host)s doesn't show %(what)s, which belongs to the image.")


@dataclass(slots=True)
class ReferrersPublisher:
    """For one target repository.

    :param publisher: of the image, to the same repository.
    :param announcements: as of :class:`oci.copy.context.Sharing`.
    :param overwrite: whether cosign's tags that name something else may be changed.
    """

    target: Repository
    publisher: Publisher
    announcements: Announcements
    overwrite: bool
    notes: list[Note] = field(default_factory=list)

    def attach(self, attached: Referrers) -> None:
        """Manifests by digest, then cosign's tags, then the lists of a target without the referrers API."""
        for manifest in attached.manifests():
            self.publisher.put(manifest)
        for tag, manifest in attached.tags.items():
            self._put_tag(tag, manifest)
        for subject, entries in _entries(attached).items():
            self.announcements.add(self._key(subject), entries)
            absent = self._absent(subject)
            if absent and not self.target.has_referrers_api:
                self._list(subject, absent)

    def check(self, attached: Referrers) -> None:
        """See that the target really has all of it, and has it in its lists; what another import's list took away
        in the meantime is put back.

        :raises OciError: ``target_error``, it does not show it within the read-back time.
        """
        deadline = time.monotonic() + limits.READ_BACK_SECONDS
        left = attached.manifests()
        while left:
            shown = self.publisher.workers.map(self._shows, left, at_source=False)
            left = [each for each, is_shown in zip(left, shown, strict=True) if not is_shown]
            if left:
                self._pause(deadline, left[0].digest)
        for tag, manifest in attached.tags.items():
            while not self._put_tag(tag, manifest):
                self._pause(deadline, tag)
        for subject in attached.by_subject:
            while absent := self._unlisted(subject, attached):
                self._pause(deadline, next(iter(absent)))
                if not self.target.has_referrers_api:
                    self._list(subject, absent)

    def _shows(self, manifest: Manifest) -> bool:
        return self.target.shows_manifest(manifest.digest, manifest.body)

    def _pause(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise OciError("target_error", _LOST, retryable=True, host=self.target.host, what=what)
        self.publisher.cancel.wait(random.uniform(*_PAUSE))

    # --- cosign's tags -------------------------------------------------------------------------------------

    def _put_tag(self, tag: str, ours: Manifest) -> bool:
        """Whether the tag says already what it is to say; else it was put."""
        theirs = self._named(tag, ours)
        both = ours if theirs is None else self._beside(tag, theirs, ours)
        if theirs is not None and both.digest == theirs.digest:
            return True
        self.publisher.put(both, tag)
        return False

    def _named(self, tag: str, ours: Manifest) -> Manifest | None:
        """What the tag names now."""
        head = self.target.head_manifest(tag)
        if head is None:
            return None
        return ours if head.digest == ours.digest else self.target.find_manifest(tag)

    def _beside(self, tag: str, theirs: Manifest, ours: Manifest) -> Manifest:
        """What the tag is to name where it names something already.

        Signatures and attestations are many in one; of SBOMs there is one, and the newer counts (as with cosign).
        """
        if theirs.digest == ours.digest:
            return theirs
        if not self.overwrite:
            self._note((_KEPT, {"tag": tag}))
            return theirs
        both = None if tag.endswith(".sbom") else merged(theirs, ours)
        if both is not None and both.manifest.digest in (theirs.digest, ours.digest):
            return both.manifest
        if both is None or self.publisher.lost(theirs.blobs):
            self._note((_REPLACED, {"tag": tag, "digest": theirs.digest}))
            return ours
        if both.config is not None:
            self.publisher.bring([both.config])
        return both.manifest

    def _note(self, note: Note) -> None:
        if note not in self.notes:
            self.notes.append(note)

    # --- lists of referrers --------------------------------------------------------------------------------

    def _key(self, subject: str) -> str:
        return f"{self.target.host}/{self.target.path}@{subject}"

    def _absent(self, subject: str) -> dict[str, Entry]:
        """What imports have announced and the target's list of a subject lacks."""
        known = {each.digest for each in self.target.referrers(subject)}
        if self.target.has_referrers_api and len(known) >= limits.CHILDREN:
            return {}  # We read no more of it.
        announced = list(self.announcements.get(self._key(subject)).items())[-limits.CHILDREN :]
        return {digest: entry for digest, entry in announced if digest not in known}

    def _unlisted(self, subject: str, attached: Referrers) -> dict[str, Entry]:
        """As :meth:`_absent`; a registry with the API lists only what says itself that it refers to the subject."""
        absent = self._absent(subject)
        if not self.target.has_referrers_api:
            return absent
        roots = {digest: tree.root for digest, tree in attached.trees.items()}
        return {
            digest: entry
            for digest, entry in absent.items()
            if digest in roots and (about := roots[digest].subject) is not None and about.digest == subject
        }

    def _list(self, subject: str, absent: Mapping[str, Entry]) -> None:
        """Add to the list under the stand-in tag; what others wrote there stays as they wrote it."""
        tag = referrers_tag(subject)
        found = self.target.find_manifest(tag)
        document: dict[str, Any] = json.loads(found.body) if found is not None and found.is_index else {}
        entries: dict[str, Entry] = {each["digest"]: each for each in document.get("manifests") or ()}
        entries.update(absent)
        try:
            self.target.put_manifest(tag, _index(document, entries.values()))
        except RegistryError as refusal:
            if not _GONE.intersection(refusal.codes):
                raise
            # What was deleted here is still listed, and the target takes no list with it.
            there = self.publisher.workers.map(self._is_there, list(entries), at_source=False)
            kept = [entry for entry, is_there in zip(entries.values(), there, strict=True) if is_there]
            self.target.put_manifest(tag, _index(document, kept))

    def _is_there(self, digest: str) -> bool:
        return self.target.head_manifest(digest) is not None


def _entries(attached: Referrers) -> dict[str, dict[str, Entry]]:
    """Who refers to what, as lists have it: by what the manifests themselves say, not by the source's list."""
    return {
        subject: {each.digest: _entry(attached.trees[each.digest].root) for each in descriptors}
        for subject, descriptors in attached.by_subject.items()
    }


def _entry(manifest: Manifest) -> Entry:
    entry: dict[str, Any] = {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": manifest.size,
    }
    artifact_type = manifest.artifact_type or (manifest.config.media_type if manifest.config else "")
    if artifact_type:
        entry["artifactType"] = artifact_type
    if manifest.annotations:
        entry["annotations"] = dict(manifest.annotations)
    return entry


def _index(document: Mapping[str, Any], entries: Iterable[Entry]) -> Manifest:
    """The list as the specification has it. The newest come last; more than a reader takes are no use to anyone."""
    entries = list(entries)[-limits.CHILDREN :]
    body = _body(document, entries)
    if len(body) > limits.MANIFEST_BYTES:
        # What it says of each is in each itself, too.
        body = _body({}, [{key: each[key] for key in each if key != "annotations"} for each in entries])
    return parse_manifest(body, OCI_INDEX, expected_digest=None)


def _body(document: Mapping[str, Any], entries: Sequence[Entry]) -> bytes:
    return json.dumps({**document, "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
