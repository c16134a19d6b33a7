"""Sums of blobs: right for every shape, and cheap for the worst."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing

import pytest

from oci import limits
from oci.copy.blob_sums import blob_sums
from oci.copy.image_info import _children
from oci.copy.manifest_tree import Tree, collect_blobs, everything, read_tree
from oci.copy.worker_pool import WorkerPool
from oci.errors import OciError
from oci.spec.manifest import Manifest
from oci.spec.platform import Platform
from oci.spec.selection import PlatformChoice
from tests.support.content.bombs import cubic, image, index, layer, layered

#: Of the processor, seconds. Step by step each of these takes half a minute and more.
CHEAP = 3.0


def tree_of(manifests: Sequence[Manifest], choose: object = everything) -> Tree:
    known = {each.digest: each for each in manifests}
    with closing(WorkerPool(1)) as workers:
        return read_tree(manifests[-1], fetch=known.__getitem__, workers=workers, choose=choose)  # type: ignore[arg-type]


def summed_by_hand(tree: Tree, manifest: Manifest) -> int:
    below = [manifest]
    for each in below:
        below += [tree.manifests[child.digest] for child in tree.kept.get(each.digest, ())]
    return sum(blob.size for blob in collect_blobs(below).values())


def test_each_blob_counts_once_in_all_that_is_above_it() -> None:
    one, two = image([layer(1, 10), layer(2, 300)]), image([layer(2, 300), layer(3, 2**40), layer(4, 0)])
    inner = index([one, two])
    tree = tree_of([one, two, inner, index([inner, one, inner])])
    assert blob_sums(tree) == {each.digest: summed_by_hand(tree, each) for each in tree.manifests.values()}
    assert blob_sums(tree)[inner.digest] == 10 + 300 + 2**40 + one.blobs[0].size


def test_an_image_without_blobs_has_none_to_sum() -> None:
    empty = index([])
    assert blob_sums(tree_of([empty])) == {empty.digest: 0}


@pytest.mark.parametrize("shape", [cubic, layered])
def test_what_names_itself_a_billion_times_is_summed_in_no_time(shape: object) -> None:
    tree = tree_of(shape())  # type: ignore[operator]
    began = time.process_time()
    children = _children(tree, tree.root)
    assert time.process_time() - began < CHEAP
    assert len(children) == len({child.digest for child in tree.root.manifests})
    assert children[0].size == summed_by_hand(tree, tree.manifests[children[0].digest])


def test_a_platform_is_found_in_no_time_in_what_names_itself_a_million_times() -> None:
    single = image([])
    inner = index([single], manifests=[
        {"mediaType": single.media_type, "digest": single.digest, "size": single.size,
         "platform": {"os": "linux", "architecture": f"a{number}"}}
        for number in range(1000)
    ])  # fmt: skip
    middle = index([inner] * 1000)
    manifests = [single, inner, middle, index([middle] * 1000)]
    known = {each.digest: each for each in manifests}
    wanted = [Platform.parse(f"linux/a{number}") for number in (999, 998)]
    choice = PlatformChoice(wanted, fetch=known.__getitem__, platform_of=lambda _image: None)
    began = time.process_time()
    assert set(tree_of(manifests, choice).manifests) == set(known)
    assert time.process_time() - began < CHEAP


def test_an_index_that_is_deeper_than_where_it_was_met_first_counts_as_deep_as_it_is() -> None:
    """Each of a hundred indexes is named by the outermost, and by the next."""
    chain = [image([])]
    for number in range(100):
        chain.append(index([chain[-1]], annotations={"number": str(number)}))
    with pytest.raises(OciError) as caught:
        tree_of([*chain, index(chain)])
    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize(
    "make",
    [
        lambda: image([layer(1, 2**50), layer(2, 1)]),
        lambda: image([layer(1, 2**62)] + [layer(number, 2**62) for number in (2, 3)]),
        lambda: collect_blobs([image([layer(1, 2**49)]), image([layer(2, 2**49), layer(3, 1)])]),
    ],
)
def test_more_bytes_than_any_registry_holds_are_refused(make: object) -> None:
    with pytest.raises(OciError) as caught:
        make()  # type: ignore[operator]
    assert caught.value.code == "limit_exceeded"
    assert str(limits.IMAGE_BYTES) in str(caught.value)


def test_a_layer_named_twice_claims_its_bytes_once() -> None:
    large = layer(1, 2**50 - 100)
    assert len(image([large, large]).blobs) == 2
