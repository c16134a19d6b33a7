"""Images in YAML: compose services, every kind of Kubernetes pod, kustomize, Helm values, plain lists.

The text is read as a stream of events, never built: an alias stands for the one word that it names and nothing
recurses, so a hostile document costs no more than its length. Where it is no YAML (a Helm template), its ``image:``
lines are read. Each image comes with its places in the text, so that another name can be written there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import yaml

#: A byte order mark is no part of a document, and the parser written in C counts it in some places only.
_MARK: Final = "\ufeff"

_SIGNS: Final = re.compile(
    r"^[ \t]*(?:-[ \t]+)?[\"']?(?:image|images|services|apiVersion|kind|repository|containers)[\"']?[ \t]*:(?:[ \t]|$)",
    re.MULTILINE,
)
#: Of a line whose runs of spaces were made one, so that matching takes one pass.
_IMAGE_LINE: Final = re.compile(r"(?:- )?[\"']?image[\"']? ?: (?P<image>[^ #]\S*)(?: .*)?")
#: A pod in a list of a chart is some fifteen deep.
_DEPTH: Final = 100
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def looks_like_yaml(text: str) -> bool:
    """Whether the text is a document rather than one reference a line."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and lines[0].lstrip().startswith(("[", "{", "---", "%YAML")):
        return True
    if all(_image_of(line) and not line[0].isspace() for line in lines):
        return False
    return _SIGNS.search(text) is not None


class Form(Enum):
    """How a document names an image."""

    #: In one word: ``image: nginx:1``.
    WHOLE = "whole"
    #: Helm's values: ``registry``, ``repository``, ``tag``, ``digest``.
    PARTS = "parts"
    #: An entry of a kustomization's ``images``: ``name``, ``newName``, ``newTag``, ``digest``.
    KUSTOMIZE = "kustomize"


@dataclass(frozen=True, slots=True)
class Word:
    """A scalar and where it stands: the line, from 1; the column, from 0; characters from ``start`` to ``end``, with
    quotes and anchor. ``style``: ``'`` or ``"`` where quoted, ``|`` or ``>`` of a block.
    """

    value: str
    line: int = 0
    column: int = 0
    start: int = 0
    end: int = 0
    style: str = ""


@dataclass(frozen=True, slots=True)
class Spelled:
    """An image as a document spells it.

    :ivar words: by key, ``image`` where it is in one word; ``keys`` has the words of the keys themselves.
    :ivar flow: whether its mapping is in braces.
    :ivar built: whether a compose service builds it.
    """

    line: int
    image: str
    form: Form
    words: Mapping[str, Word]
    keys: Mapping[str, Word] = field(default_factory=dict)
    flow: bool = False
    built: bool = False


def find_images(text: str) -> list[tuple[int, str]]:
    """Line and reference of each image, in the order of the text."""
    return [(found.line, found.image) for found in find_spelled(text)]


def find_spelled(text: str) -> list[Spelled]:
    """Each image with its places, in the order of the text."""
    shift = len(text) - len(text.removeprefix(_MARK))
    try:
        return sorted(_Walk(shift).run(text[shift:]), key=lambda found: found.line)
    except yaml.YAMLError:
        return list(_image_lines(text))


def _image_lines(text: str) -> Iterator[Spelled]:
    start = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        image = _image_of(line)
        if image:
            at = line.find(image, line.find("image") + len("image"))
            word = Word(image, number, at, start + at, start + at + len(image))
            yield Spelled(number, image, Form.WHOLE, {"image": word})
        start += len(line)


def _image_of(line: str) -> str:
    """The reference of an ``image:`` line that stands alone, else nothing."""
    match = _IMAGE_LINE.fullmatch(" ".join(line.split()))
    return match["image"].strip("\"'") if match else ""


@dataclass(slots=True)
class _Frame:
    """An open mapping or sequence. ``under``: the key that it stands below, seen through sequences."""

    mapping: bool
    under: str
    line: int
    flow: bool = False
    key: Word | None = field(default=None, init=False)
    words: dict[str, Word] = field(default_factory=dict, init=False)
    keys: dict[str, Word] = field(default_factory=dict, init=False)


class _Walk:
    def __init__(self, shift: int) -> None:
        self._shift = shift
        self._stack: list[_Frame] = []
        self._found: list[Spelled] = []
        self._anchors: dict[str, Word] = {}

    def run(self, text: str) -> list[Spelled]:
        """Find the images that a text names.

        :raises yaml.YAMLError: the text is no YAML.
        """
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._open(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._close()
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(self._word(event))
            elif isinstance(event, yaml.AliasEvent):
                self._scalar(self._anchors.get(event.anchor or "") or Word(""))
        return self._found

    def _word(self, event: yaml.ScalarEvent) -> Word:
        start: Any = event.start_mark
        end: Any = event.end_mark
        word = Word(
            event.value,
            start.line + 1,
            start.column,
            start.index + self._shift,
            end.index + self._shift,
            event.style or "",
        )
        if event.anchor:
            self._anchors[event.anchor] = word
        return word

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if len(self._stack) >= _DEPTH:
            raise yaml.YAMLError("nested too deeply")
        under = ""
        if self._stack:
            parent = self._stack[-1]
            under = (parent.key.value if parent.key else "") if parent.mapping else parent.under
        line = event.start_mark.line + 1 if event.start_mark else 0
        mapping = isinstance(event, yaml.MappingStartEvent)
        self._stack.append(_Frame(mapping, under, line, bool(event.flow_style)))

    def _close(self) -> None:
        frame = self._stack.pop()
        if frame.mapping:
            self._found.extend(_spelled(frame))
        self._end_value()

    def _end_value(self) -> None:
        if self._stack and self._stack[-1].mapping:
            self._stack[-1].key = None

    def _scalar(self, word: Word) -> None:
        if not self._stack:
            return
        frame = self._stack[-1]
        if not frame.mapping:
            if word.value and (frame.under == "images" or (not frame.under and len(self._stack) == 1)):
                self._found.append(Spelled(word.line, word.value, Form.WHOLE, {"image": word}))
        elif frame.key is None:
            frame.key = frame.keys[word.value] = word
        else:
            again = frame.words.get("image") if frame.key.value == "image" else None
            if again is not None and again.value:
                # The same key twice is no YAML 1.2, and read by many all the same.
                self._found.append(Spelled(again.line, again.value, Form.WHOLE, {"image": again}))
            frame.words[frame.key.value] = word
            self._end_value()


def _spelled(frame: _Frame) -> Iterator[Spelled]:
    """The images that a mapping spells: in one word, and in parts (Helm's values, kustomize's overrides, an image
    volume).
    """
    given = {name: word.value for name, word in frame.words.items()}
    if given.get("image"):
        word = frame.words["image"]
        yield Spelled(word.line, word.value, Form.WHOLE, {"image": word}, built="build" in frame.keys)
    if given.get("reference") and frame.under == "image":
        word = frame.words["reference"]
        yield Spelled(word.line, word.value, Form.WHOLE, {"image": word})
        return
    if frame.under == "images" and (given.get("newTag") or given.get("newName") or given.get("digest")):
        name = given.get("newName") or given.get("name", "")
        image = _joined("", name, given.get("newTag", ""), given.get("digest", ""))
        yield Spelled(frame.line, image, Form.KUSTOMIZE, frame.words, frame.keys, frame.flow)
        return
    repository, registry = given.get("repository", ""), given.get("registry", "")
    is_image = frame.under.lower().endswith("image") or "tag" in given or "digest" in given
    # A chart's dependency has a repository too, but it is a URL.
    if repository and is_image and "://" not in repository:
        image = _joined(registry, repository, given.get("tag", ""), given.get("digest", ""))
        yield Spelled(frame.line, image, Form.PARTS, frame.words, frame.keys, frame.flow)


def _joined(registry: str, repository: str, tag: str, digest: str) -> str:
    prefix = f"{registry.strip('/')}/" if registry else ""
    if tag.startswith("sha256:"):
        tag, digest = "", tag
    return prefix + repository + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
