"""What changed between two images: layers, configuration, packages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oci.contents.configuration import Configuration
from oci.contents.packages import Package
from oci.spec.manifest import Descriptor
from oci.spec.strict_json import Json

#: Objects of the configuration whose members are compared one by one.
_MAPPINGS: Final = ("Labels", "ExposedPorts", "Volumes")


@dataclass(frozen=True, slots=True)
class Layers:
    """``kept`` and ``added`` in the order of the one, ``removed`` in that of the other."""

    kept: tuple[Descriptor, ...]
    added: tuple[Descriptor, ...]
    removed: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One key of the configuration; None: it is not there."""

    key: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One package in other versions."""

    name: str
    type: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Packages:
    """What two SBOMs differ in, by name and type of the packages."""

    added: tuple[Package, ...] = ()
    removed: tuple[Package, ...] = ()
    changed: tuple[PackageChange, ...] = ()


def compare_layers(before: Sequence[Descriptor], after: Sequence[Descriptor]) -> Layers:
    """By their digests, each as often as it is there."""
    kept, added = _split(after, before)
    _, removed = _split(before, after)
    return Layers(kept, added, removed)


def _split(
    ours: Sequence[Descriptor], theirs: Sequence[Descriptor]
) -> tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]:
    """Those of ``ours`` that are among ``theirs``, and those that are not."""
    left = Counter(layer.digest for layer in theirs)
    shared, own = [], []
    for layer in ours:
        if left[layer.digest]:
            left[layer.digest] -= 1
            shared.append(layer)
        else:
            own.append(layer)
    return tuple(shared), tuple(own)


def compare_configurations(before: Configuration, after: Configuration) -> tuple[Change, ...]:
    """Keys whose values differ, in alphabetical order: ``Env.PATH``, ``Labels.version``, ``Cmd``, ``created``."""
    one, other = dict(_flat(before)), dict(_flat(after))
    keys = sorted(one.keys() | other.keys())
    return tuple(Change(key, one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key))


def _flat(configuration: Configuration) -> Iterable[tuple[str, Json]]:
    for key in ("created", "architecture", "os", "variant"):
        text: str = getattr(configuration, key)
        if text:
            yield key, text
    for key, value in configuration.config.items():
        if key == "Env" and isinstance(value, list):
            yield from _environment(value)
        elif key in _MAPPINGS and isinstance(value, dict):
            for name, each in value.items():
                yield f"{key}.{name}", each
        elif value not in (None, "", [], {}):
            yield key, value


def _environment(lines: Sequence[Json]) -> Iterable[tuple[str, Json]]:
    """Names and values; where a variable is set twice, the last counts, as it does when the image runs."""
    for line in lines:
        if isinstance(line, str):
            name, _, value = line.partition("=")
            yield f"Env.{name}", value


def compare_packages(before: Iterable[Package], after: Iterable[Package]) -> Packages:
    """By type and name. One that is there in a single version on both sides changed; of one with several versions
    those that went and came are told."""
    one, other = _by_name(before), _by_name(after)
    added: list[Package] = []
    removed: list[Package] = []
    changed: list[PackageChange] = []
    for key in sorted(one.keys() | other.keys()):
        old, new = one.get(key, {}), other.get(key, {})
        gone = [old[version] for version in sorted(old.keys() - new.keys())]
        arrived = [new[version] for version in sorted(new.keys() - old.keys())]
        if len(old) == len(new) == len(gone) == len(arrived) == 1:
            kind, name = key
            changed.append(PackageChange(name, kind, gone[0].version, arrived[0].version))
        else:
            removed += gone
            added += arrived
    return Packages(tuple(added), tuple(removed), tuple(changed))


def _by_name(packages: Iterable[Package]) -> Mapping[tuple[str, str], dict[str, Package]]:
    found: dict[tuple[str, str], dict[str, Package]] = {}
    for package in packages:
        found.setdefault((package.type, package.name), {}).setdefault(package.version, package)
    return found
