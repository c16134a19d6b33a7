"""Images in YAML: compose services, every kind of Kubernetes pod, kustomize, Helm values, plain lists.

The text is read as a stream of events, never built: aliases are not followed and nothing recurses, so a hostile
document costs no more than its length. Where it is no YAML (a Helm template), its ``image:`` lines are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

_Found = tuple[int, str]

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


def find_images(text: str) -> list[_Found]:
    """Line and reference of each image, in the order of the text."""
    try:
        return sorted(_Walk().run(text), key=lambda found: found[0])
    except yaml.YAMLError:
        return list(_image_lines(text))


def _image_lines(text: str) -> Iterator[_Found]:
    for number, line in enumerate(text.splitlines(), start=1):
        image = _image_of(line)
        if image:
            yield number, image


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
    key: str | None = None
    scalars: dict[str, _Found] = field(default_factory=dict)


class _Walk:
    def __init__(self) -> None:
        self._stack: list[_Frame] = []
        self._found: list[_Found] = []

    def run(self, text: str) -> list[_Found]:
        """:raises yaml.YAMLError: the text is no YAML."""
        for event in yaml.parse(text, Loader=_LOADER):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._open(isinstance(event, yaml.MappingStartEvent), line)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._close()
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(line, event.value)
            elif isinstance(event, yaml.AliasEvent):
                self._scalar(line, "")
        return self._found

    def _open(self, mapping: bool, line: int) -> None:
        if len(self._stack) >= _DEPTH:
            raise yaml.YAMLError("nested too deeply")
        under = ""
        if self._stack:
            parent = self._stack[-1]
            under = (parent.key or "") if parent.mapping else parent.under
        self._stack.append(_Frame(mapping, under, line))

    def _close(self) -> None:
        frame = self._stack.pop()
        if frame.mapping:
            self._found.extend(_composed(frame))
        if self._stack and self._stack[-1].mapping:
            self._stack[-1].key = None

    def _scalar(self, line: int, value: str) -> None:
        if not self._stack:
            return
        frame = self._stack[-1]
        if not frame.mapping:
            if value and (frame.under == "images" or (not frame.under and len(self._stack) == 1)):
                self._found.append((line, value))
        elif frame.key is None:
            frame.key = value
        else:
            if frame.key == "image" and value:
                self._found.append((line, value))
            frame.scalars[frame.key] = (line, value)
            frame.key = None


def _composed(frame: _Frame) -> Iterator[_Found]:
    """The image that a mapping spells in parts: Helm's values, kustomize's overrides, an image volume."""
    given = {name: value for name, (_, value) in frame.scalars.items()}
    if given.get("reference") and frame.under == "image":
        yield frame.scalars["reference"]
        return
    if frame.under == "images" and (given.get("newTag") or given.get("newName") or given.get("digest")):
        name = given.get("newName") or given.get("name", "")
        yield frame.line, _joined("", name, given.get("newTag", ""), given.get("digest", ""))
        return
    repository, registry = given.get("repository", ""), given.get("registry", "")
    is_image = frame.under.lower().endswith("image") or "tag" in given or "digest" in given
    # A chart's dependency has a repository too, but it is a URL.
    if repository and is_image and "://" not in repository:
        yield frame.line, _joined(registry, repository, given.get("tag", ""), given.get("digest", ""))


def _joined(registry: str, repository: str, tag: str, digest: str) -> str:
    prefix = f"{registry.strip('/')}/" if registry else ""
    if tag.startswith("sha256:"):
        tag, digest = "", tag
    return prefix + repository + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
