"""Manifests with the images named as they are here: only names of images change, all other bytes stay.

Pure: text and a function that says where an image is in, edits out. :mod:`imageimport.batches.parsing_yaml` reads where
the names stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml

from imageimport.batches.parsing_yaml import Form, Spelled, Word, find_spelled
from oci.reference.parser import Reference
from workloads.matching import parsed
from workloads.rewriting.editing import Edit

#: Where a form of more than one word has the tag.
_TAGS: Final = {Form.PARTS: "tag", Form.KUSTOMIZE: "newTag"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where an image is here. ``digest`` where the name is to be pinned."""

    host: str
    path: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.host}/{self.path}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


@dataclass(slots=True)
class Reading:
    """The images of a text, in its order, each once; ``spelled`` has all places."""

    spelled: list[tuple[Spelled, Reference | None]] = field(default_factory=list)

    @property
    def references(self) -> list[Reference]:
        """The images that can be read, each once, in the order of the text."""
        return list(dict.fromkeys(reference for _, reference in self.spelled if reference is not None))

    @property
    def unreadable(self) -> list[str]:
        """Names that have a variable in them, are built here, or leave their tag to someone else."""
        return list(dict.fromkeys(found.image for found, reference in self.spelled if reference is None))


def read(text: str) -> Reading:
    """Find the images of a text."""
    return Reading([(found, _reference(found)) for found in find_spelled(text)])


def edits(text: str, reading: Reading, choose: Callable[[Reference], Target | None]) -> list[Edit]:
    """What has to change.

    :param choose: where an image is; None leaves its name.
    """
    wanted: list[tuple[Spelled, list[Edit]]] = []
    for found, reference in reading.spelled:
        target = choose(reference) if reference is not None else None
        wanted.append((found, list(_edits(text, found, target)) if target is not None else []))
    contested = _contested(wanted)
    return sorted(
        {
            edit
            for found, made in wanted
            if not contested.intersection(word.start for word in found.words.values() if word.line)
            for edit in made
        }
    )


def _contested(wanted: Sequence[tuple[Spelled, Sequence[Edit]]]) -> set[int]:
    """Places of words that several images share by an alias, and would have to be two things at once."""
    values: dict[int, set[str]] = defaultdict(set)
    for found, made in wanted:
        for word in found.words.values():
            if word.line:
                new = [edit.text for edit in made if word.start <= edit.start and edit.end <= word.end]
                values[word.start].add(new[0] if new else word.value)
    return {start for start, found in values.items() if len(found) > 1}


def _reference(found: Spelled) -> Reference | None:
    if found.built or "$" in found.image or "{{" in found.image:
        return None
    tag = _TAGS.get(found.form)
    if tag is not None and not (_value(found, tag) or _value(found, "digest")):
        # A chart puts its own version there; a kustomization leaves the one of the resources.
        return None
    return parsed(found.image)


def _value(found: Spelled, name: str) -> str:
    word = found.words.get(name)
    return word.value if word else ""


def _edits(text: str, found: Spelled, target: Target) -> Iterator[Edit]:
    if found.form is Form.WHOLE:
        yield from _replaced(text, found.words["image"], str(target))
    elif found.form is Form.PARTS:
        yield from _parts(text, found, target)
    else:
        yield from _kustomize(text, found, target)


def _parts(text: str, found: Spelled, target: Target) -> Iterator[Edit]:
    words = found.words
    if "registry" in words:
        yield from _replaced(text, words["registry"], target.host)
        yield from _replaced(text, words["repository"], target.path)
    else:
        yield from _replaced(text, words["repository"], f"{target.host}/{target.path}")
    tag = target.tag
    if target.digest and "digest" in words:
        yield from _replaced(text, words["digest"], target.digest)
    elif target.digest and not _value(found, "tag").startswith("sha256:"):
        tag = f"{tag}@{target.digest}"
    if _value(found, "tag") and not _value(found, "tag").startswith("sha256:"):
        yield from _replaced(text, words["tag"], tag)


def _kustomize(text: str, found: Spelled, target: Target) -> Iterator[Edit]:
    added: list[str] = []
    wanted = {"newName": f"{target.host}/{target.path}"}
    if target.digest:
        wanted["digest"] = target.digest
    if not _value(found, "digest") and target.tag != (_value(found, "newTag") or "latest"):
        wanted["newTag"] = target.tag
    for key, value in wanted.items():
        if key in found.words:
            yield from _replaced(text, found.words[key], value)
        else:
            added.append(f"{key}: {_plain(value)}")
    anchor = found.keys.get("name") or next(iter(found.keys.values()))
    if added and found.flow:
        yield Edit(anchor.start, anchor.start, "".join(f"{each}, " for each in added))
    elif added:
        ending = _line_ending(text, anchor.start)
        yield Edit(
            anchor.start, anchor.start, "".join(f"{each}{ending}{' ' * anchor.column}" for each in added)
        )


def _line_ending(text: str, at: int) -> str:
    end = text.find("\n", at)
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def _replaced(text: str, word: Word, value: str) -> Iterator[Edit]:
    """The edit that gives a scalar another value and leaves its quotes, anchor and block as they are; none where it
    has that value, or is spelled in a way (escapes, folded lines) that has no place of its own.
    """
    if word.value == value or not word.line:
        return
    if not word.value and not word.style:
        yield Edit(word.start, word.start, f" {_plain(value)}")
        return
    spelled = text[word.start : word.end]
    if word.style in ("|", ">"):
        at = spelled.find(word.value.rstrip("\n"), spelled.find("\n"))
        length = len(word.value.rstrip("\n"))
    elif word.style:
        at, length = len(spelled) - 1 - len(word.value), len(word.value)
    else:
        at, length = len(spelled) - len(word.value), len(word.value)
    inner = spelled[at : at + length] if at >= 0 else ""
    if inner == word.value.rstrip("\n") and "\n" not in inner:
        yield Edit(word.start + at, word.start + at + length, value if word.style else _plain(value))


def _plain(value: str) -> str:
    """The text as it has to stand without quotes around it: with its own, where it would be a number."""
    try:
        is_text = isinstance(yaml.safe_load(value), str)
    except (yaml.YAMLError, ValueError):
        is_text = False
    return value if is_text else f'"{value}"'
