"""Puts manifests at the target: children first, the tag last, read back. What is attached is put in between, by
:mod:`oci.copy.referrers_publisher`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Final

from oci.cancel import CancelToken
from oci.copy.manifest_tree import Tree
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError, gettext_noop
from oci.limits import READ_BACK_SECONDS
from oci.registry.faults import RegistryError
from oci.registry.repository import Repository
from oci.spec.manifest import Descriptor, Manifest

log: Final = logging.getLogger(__name__)

_READ_BACK_PAUSE: Final = 0.5
#: This long a blob may be hidden from reading before it is brought again.
_LAG_SECONDS: Final = 1.5
#: Codes by which a registry says that something a manifest names is not there.
_UNKNOWN: Final = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})
#: Statuses by which a registry refuses an index some of whose children it lacks.
_SPARSE_REFUSED: Final = frozenset({400, 404, 409, 412, 422})


class TagNotKept(OciError):
    """The target took the tag, and answers after the read-back time that the tag does not name what was put."""


@dataclass(slots=True)
class Publisher:
    """For one image and one target repository.

    :param confirm_lease: as of :class:`oci.copy.context.Checks`.
    :param bring: uploads blobs again that the target lost.
    """

    target: Repository
    _: KW_ONLY
    cancel: CancelToken
    workers: WorkerPool
    confirm_lease: Callable[[], None]
    bring: Callable[[Iterable[Descriptor]], None]

    def put_image(self, tree: Tree) -> Manifest:
        """All manifests of an image by digest; the root that the target took. The tag would bring the root as well,
        but a target that makes something else of it shows that here, while the tag is still what it was.

        An index some of whose children were left out keeps its bytes where the target allows that, and is cut
        to what is there where it does not.
        """
        whole = [manifest for manifest in tree.manifests.values() if tree.is_whole(manifest)]
        for manifest in whole:
            self.put(manifest)
        partial_ones = [manifest for manifest in tree.manifests.values() if not tree.is_whole(manifest)]
        try:
            for manifest in partial_ones:
                self.cancel.check()
                self.target.put_manifest(manifest.digest, manifest)
        except RegistryError as refusal:
            if refusal.status not in _SPARSE_REFUSED:
                raise
            for manifest in partial_ones:
                self.put(tree.cut(manifest))
            return tree.cut(tree.root)
        return tree.root

    def check_blobs(self, blobs: Iterable[Descriptor]) -> None:
        """See that the target can really read every blob; bring what it lost once more.

        :raises OciError: ``target_error``, it loses them faster than we bring them.
        """
        lost = self._lost_for(_LAG_SECONDS, blobs)
        if not lost:
            return
        self.bring(lost)
        lost = self._lost_for(READ_BACK_SECONDS, lost)
        if lost:
            template = gettext_noop(
                "The target registry %(host)s lost %(digest)s right after it was uploaded."
            )
            raise OciError(
                "target_error", template, retryable=True, host=self.target.host, digest=lost[0].digest
            )

    def _lost_for(self, seconds: float, blobs: Iterable[Descriptor]) -> list[Descriptor]:
        """What the target does not show for this long: reading may lag behind writing."""
        deadline = time.monotonic() + seconds
        lost = self.lost(blobs)
        while lost and time.monotonic() < deadline:
            self.cancel.wait(_READ_BACK_PAUSE)
            lost = self.lost(lost)
        return lost

    def put_tag(self, tag: str, root: Manifest) -> None:
        """The commit point: put the tag, then see that it names what was put.

        Once it began it is carried through, whatever is canceled in the meantime: who is told of a failure finds the
        tag as it was. The lease is confirmed before each try; the first time outside of the shield, where a cancel
        that came in time still counts.

        :raises TagNotKept:
        :raises OciError: ``target_error``.
        """
        confirm = self.confirm_lease
        confirm()
        with self.cancel.shielded():
            try:
                self._see_through(root, tag, before_retry=confirm)
            except OciError:
                # The answer may have been lost and the tag not.
                if not self._shows(tag, root):
                    raise
            self._await_tag(tag, root)

    def _await_tag(self, tag: str, root: Manifest) -> None:
        """Wait until the target shows the tag at the new root.

        :raises TagNotKept: the target says so; any other :class:`OciError` leaves it open what the tag names.
        """
        template = gettext_noop("On the target registry %(host)s, the tag %(tag)s is not what was pushed.")
        deadline = time.monotonic() + READ_BACK_SECONDS
        while True:
            try:
                if self.target.shows_manifest(tag, root.body):
                    return
                kind: type[OciError] = TagNotKept
            except OciError as error:
                log.warning("%s does not show the tag that was put: %s", self.target.host, error)
                kind = OciError
            if time.monotonic() > deadline:
                raise kind("target_error", template, retryable=True, host=self.target.host, tag=tag)
            self.cancel.wait(_READ_BACK_PAUSE)

    def _shows(self, tag: str, root: Manifest) -> bool:
        try:
            return self.target.shows_manifest(tag, root.body)
        except OciError as error:
            log.warning("%s does not show the tag that was put: %s", self.target.host, error)
            return False

    def put(self, manifest: Manifest, name: str = "") -> None:
        """By digest, or under this tag."""
        check = self.cancel.check
        check()
        self._see_through(manifest, name or manifest.digest, before_retry=check)

    def _see_through(self, manifest: Manifest, reference: str, *, before_retry: Callable[[], None]) -> None:
        """Put it although the target misses what it names: what is lost is brought once more, what the target only
        does not see yet is waited for.

        Distribution's storage on a disk has moments in which it does not see a blob that another import of the same
        repository brings, too, since it writes the file that links it in place.
        """
        deadline = time.monotonic() + READ_BACK_SECONDS
        brought = False
        while True:
            try:
                self.target.put_manifest(reference, manifest, before_retry=before_retry)
            except RegistryError as refusal:
                if not _UNKNOWN.intersection(refusal.codes) or time.monotonic() > deadline:
                    raise
                lost = self.lost(manifest.blobs)
                if lost and brought:
                    raise
                if lost:
                    self.bring(lost)
                    brought = True
                else:
                    self.cancel.wait(_READ_BACK_PAUSE)
                before_retry()
            else:
                return

    def lost(self, blobs: Iterable[Descriptor]) -> list[Descriptor]:
        asked = list(blobs)
        found = self.workers.map(self._is_intact, asked, at_source=False)
        return [blob for blob, intact in zip(asked, found, strict=True) if not intact]

    def _is_intact(self, blob: Descriptor) -> bool:
        return self.target.is_intact(blob.digest, blob.size)
