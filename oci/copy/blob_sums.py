"""How many bytes each part of an image has, counted so that no shape of indexes within indexes costs much."""

from __future__ import annotations

from collections.abc import Mapping

from oci.copy.manifest_tree import Tree


def blob_sums(tree: Tree) -> Mapping[str, int]:
    """The bytes of each manifest, by its digest: the sum of the distinct blobs of itself and of all that was kept below
    it.

    Sets of blobs are numbers with a bit for each blob, each made once from those of the children. A thousand indexes
    that all name the same thousand images are joined in as many steps as there are names in them, and the sizes of a
    set are added up by the binary digits of the sizes instead of one by one.
    """
    sizes: list[int] = []
    places: dict[str, int] = {}
    below: dict[str, int] = {}
    for digest, manifest in tree.manifests.items():  # each after everything that it names
        found = 0
        for blob in manifest.blobs:
            place = places.setdefault(blob.digest, len(sizes))
            if place == len(sizes):
                sizes.append(blob.size)
            found |= 1 << place
        for child in tree.kept.get(digest, ()):
            found |= below[child.digest]
        below[digest] = found
    columns = _columns(sizes)
    return {
        digest: sum((found & column).bit_count() << number for number, column in columns)
        for digest, found in below.items()
    }


def _columns(sizes: list[int]) -> list[tuple[int, int]]:
    """For each binary digit that any size has: its number, and the set of the blobs whose size has it."""
    columns = []
    for number in range(max(sizes, default=0).bit_length()):
        digits = "".join("1" if size >> number & 1 else "0" for size in reversed(sizes))
        columns.append((number, int(digits, 2)))
    return columns
