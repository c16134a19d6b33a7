"""Two images side by side."""

from __future__ import annotations

from oci.contents.comparison import compare_configurations, compare_layers, compare_packages
from oci.contents.configuration import Configuration
from oci.contents.packages import Package
from oci.spec.manifest import Descriptor

BASE, OLD, NEW = (Descriptor("x/y", "sha256:" + letter * 64, 1) for letter in "abc")
BEFORE = Configuration(
    os="linux",
    config={"Env": ["PATH=/bin", "A=1", "A=2"], "Cmd": ["sh"], "Labels": {"v": "1"}, "Volumes": None},
)
AFTER = Configuration(os="linux", config={"Env": ["PATH=/bin", "A=3"], "User": "app", "Labels": {"v": "2"}})


def package(name: str, version: str, kind: str = "deb") -> Package:
    return Package(name, version, kind, "")


def test_layers_are_kept_added_and_removed_each_as_often_as_it_is_there() -> None:
    found = compare_layers([BASE, OLD, OLD], [BASE, OLD, NEW])
    assert (found.kept, found.added, found.removed) == ((BASE, OLD), (NEW,), (OLD,))


def test_the_configuration_is_compared_key_by_key() -> None:
    found = {change.key: (change.before, change.after) for change in compare_configurations(BEFORE, AFTER)}
    assert found == {
        "Env.A": ("2", "3"),
        "Cmd": (["sh"], None),
        "User": (None, "app"),
        "Labels.v": ("1", "2"),
    }


def test_a_package_of_one_version_changed_and_one_of_several_came_and_went() -> None:
    before = [
        package("a", "1"),
        package("b", "1"),
        package("k", "1"),
        package("k", "2"),
        package("n", "1", "npm"),
    ]
    after = [
        package("a", "2"),
        package("c", "1"),
        package("k", "2"),
        package("k", "3"),
        package("n", "1", "npm"),
    ]
    found = compare_packages(before, after)
    assert [(each.name, each.before, each.after) for each in found.changed] == [("a", "1", "2")]
    assert [(each.name, each.version) for each in found.added] == [("c", "1"), ("k", "3")]
    assert [(each.name, each.version) for each in found.removed] == [("b", "1"), ("k", "1")]


def test_the_comparison_is_symmetric() -> None:
    there, back = compare_configurations(BEFORE, AFTER), compare_configurations(AFTER, BEFORE)
    assert [(c.key, c.before, c.after) for c in there] == [(c.key, c.after, c.before) for c in back]
    one, other = (
        [package("a", "1"), package("b", "1")],
        [package("a", "2"), package("b", "1"), package("c", "1")],
    )
    there_packages, back_packages = compare_packages(one, other), compare_packages(other, one)
    assert there_packages.added == back_packages.removed
    assert [(c.before, c.after) for c in there_packages.changed] == [("1", "2")]
    assert [(c.before, c.after) for c in back_packages.changed] == [("2", "1")]
    layers, mirrored = compare_layers([BASE, OLD], [BASE, NEW]), compare_layers([BASE, NEW], [BASE, OLD])
    assert (layers.added, layers.removed, layers.kept) == (mirrored.removed, mirrored.added, mirrored.kept)


def test_equal_images_differ_in_nothing() -> None:
    assert not compare_configurations(BEFORE, BEFORE)
    found = compare_layers([BASE, OLD], [BASE, OLD])
    assert not (found.added or found.removed)
    same = compare_packages([package("a", "1")], [package("a", "1")])
    assert not (same.added or same.removed or same.changed)
