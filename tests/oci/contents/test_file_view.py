"""What a container sees of several layers, compared with a model that unpacks them one after the other."""

from __future__ import annotations

import random
from collections.abc import Iterator

from oci.contents.file_index import Record, sorted_records
from oci.contents.file_view import FileView
from oci.contents.layer_tar import Entry


class Held:
    """A layer's records in memory."""

    def __init__(self, entries: list[Entry]) -> None:
        self.records = list(sorted_records(entries))

    def find(self, parent: str, name: str) -> Record | None:
        return next((each for each in self.records if each.key == (parent, name)), None)

    def children(self, parent: str) -> Iterator[Record]:
        return (each for each in self.records if each.parent == parent)

    def everything(self) -> Iterator[Record]:
        return iter(self.records)


def entry(path: str, kind: str = "file", mode: int = 0o644) -> Entry:
    return Entry(path, kind, 0, mode, 0, 0, 0, "", 0)


def view(*layers: list[Entry]) -> FileView:
    return FileView([Held(layer) for layer in layers])


def tree(found: FileView, path: str = "/") -> dict[str, str]:
    """All that is seen, by walking."""
    seen: dict[str, str] = {}
    for each in found.list(path):
        seen[each.record.path] = each.record.type
        if each.record.type == "dir":
            seen |= tree(found, each.record.path)
    return seen


def test_a_whiteout_hides_what_is_below_and_nothing_of_its_own_layer() -> None:
    found = view(
        [entry("a", "dir"), entry("a/x"), entry("a/y"), entry("b")],
        [entry("a/.wh.x"), entry(".wh.b"), entry("b")],
        [entry(".wh.a")],
    )
    assert tree(found) == {"/b": "file"}
    assert tree(view([entry("a", "dir"), entry("a/x")], [entry("a/.wh.x")])) == {"/a": "dir"}


def test_an_opaque_directory_hides_what_is_below_in_whatever_order_it_is_written() -> None:
    for layer in ([entry("a/.wh..wh..opq"), entry("a/new")], [entry("a/new"), entry("a/.wh..wh..opq")]):
        found = view([entry("a", "dir", 0o700), entry("a/old", "dir"), entry("a/old/x")], layer)
        assert tree(found) == {"/a": "dir", "/a/new": "file"}
        seen = found.find("/a")
        assert seen is not None
        assert seen.record.mode == 0o700


def test_a_file_in_place_of_a_directory_hides_all_of_it_and_back() -> None:
    layers = [[entry("a", "dir"), entry("a/x")], [entry("a")], [entry("a", "dir"), entry("a/y")]]
    assert tree(view(*layers[:2])) == {"/a": "file"}
    assert tree(view(*layers)) == {"/a": "dir", "/a/y": "file"}
    assert tree(view(layers[0], [entry("a", "symlink")], [entry("a/z")])) == {"/a": "dir", "/a/z": "file"}


def test_directories_that_no_layer_names_are_there() -> None:
    found = view([entry("usr/share/doc/x")])
    assert tree(found) == {
        "/usr": "dir",
        "/usr/share": "dir",
        "/usr/share/doc": "dir",
        "/usr/share/doc/x": "file",
    }
    assert found.find("/usr/nothing") is None
    assert list(found.list("/usr/share/doc/x")) == []


def test_the_last_entry_of_a_path_counts() -> None:
    found = view([entry("a", "file", 0o600), entry("a", "file", 0o640)])
    assert [each.record.mode for each in found.list("/")] == [0o640]


def test_search_finds_what_is_seen_and_nothing_else() -> None:
    found = view(
        [entry("a/Readme"), entry("b/readme"), entry("c/readme")], [entry("b/.wh.readme"), entry(".wh.c")]
    )
    assert [each.record.path for each in found.search("README")] == ["/a/Readme"]
    assert [each.record.path for each in found.search("readme", "/b")] == []


def unpacked(layers: list[list[Entry]]) -> dict[str, str]:
    """An independent model: each layer applied to a dictionary of paths, its whiteouts first."""
    here: dict[str, str] = {}

    def remove(path: str, *, itself: bool) -> None:
        for each in [each for each in here if each.startswith(f"{path}/") or (itself and each == path)]:
            del here[each]

    for layer in layers:
        for each in layer:
            folder, _, name = f"/{each.path}".rpartition("/")
            if name == ".wh..wh..opq":
                remove(folder, itself=False)
            elif name.startswith(".wh."):
                remove(f"{folder}/{name[4:]}", itself=True)
        for each in layer:
            parts = each.path.split("/")
            for count in range(1, len(parts)):
                above = "/" + "/".join(parts[:count])
                if here.get(above) != "dir":
                    here[above] = "dir"
            if parts[-1].startswith(".wh."):
                continue
            path = f"/{each.path}"
            if each.type != "dir":
                remove(path, itself=True)
            here[path] = each.type
    return here


def test_random_layers_are_seen_as_they_are_unpacked() -> None:
    chance = random.Random(8)
    for _ in range(400):
        layers = [layer_of(chance) for _ in range(chance.randrange(1, 5))]
        found, wanted = view(*layers), unpacked(layers)
        assert tree(found) == wanted, layers
        assert {each.record.path: each.record.type for each in found.search("/")} == wanted, layers
        for path, kind in wanted.items():
            seen = found.find(path)
            assert seen is not None
            assert seen.record.type == kind


def layer_of(chance: random.Random) -> list[Entry]:
    """A layer that a program could write: within it a path is one thing."""
    kinds: dict[str, str] = {}
    for _ in range(chance.randrange(1, 7)):
        parts = [chance.choice("abc") for _ in range(chance.randrange(1, 4))]
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        path = "/".join(parts)
        if any(kinds.get(each, "dir") != "dir" for each in above) or path in kinds:
            continue
        kinds |= dict.fromkeys(above, "dir")
        kinds[path] = chance.choice(["file", "dir", "dir", "symlink"])
    made = [entry(path, kind) for path, kind in kinds.items() if chance.random() < 0.8 or kind != "dir"]
    for path, kind in list(kinds.items()):
        if kind == "dir" and chance.random() < 0.3:
            made.append(entry(f"{path}/.wh..wh..opq"))
    for _ in range(chance.randrange(3)):
        folder = chance.choice(["", *(path + "/" for path, kind in kinds.items() if kind == "dir")])
        made.append(entry(f"{folder}.wh.{chance.choice('abc')}"))
    return made
