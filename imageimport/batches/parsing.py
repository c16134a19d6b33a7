"""Pasted lists of images: one reference a line, pull commands, a compose file, Kubernetes or Helm YAML.

Text in, entries with line numbers out; whether an entry may be imported is for :mod:`imageimport.batches.services`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext_noop

from accounts.exceptions import FieldErrors, filled
from imageimport.batches.parsing_yaml import find_images, looks_like_yaml
from oci.errors import Note, OciError
from oci.reference.command_line import hide_passwords
from oci.reference.parser import read_pasted

#: A list of a thousand references has some 60 kB; whole manifests of a cluster a few hundred.
MAX_CHARS: Final = 1024 * 1024
#: Of a text that is a list at all; the limit of a batch is checked where one is made.
MAX_ENTRIES: Final = 5000

#: Of an entry, for people.
_SHOWN_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a list. ``error`` (template, parameters) says why it can't be read; then ``reference`` is empty."""

    line: int
    text: str
    reference: str = ""
    platforms: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    error: Note | None = None
    #: Lines that name the same image again.
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadList:
    """What a text holds. ``kind``: ``lines`` or ``yaml``."""

    kind: str
    entries: tuple[Entry, ...]


def read_list(text: str, *, field: str = "images") -> ReadList:
    """Find the images in pasted text; the same image twice becomes one entry.

    :param field: the text's, for a refusal.
    :raises FieldErrors: the text is too long, or names no image at all.
    """
    if len(text) > MAX_CHARS:
        raise _unreadable(
            field, gettext_noop("The list has more than %(limit)d characters."), limit=MAX_CHARS
        )
    is_yaml = looks_like_yaml(text)
    found = find_images(text) if is_yaml else _of_lines(text)
    entries: list[Entry] = []
    for line, part in found:
        if len(entries) >= MAX_ENTRIES:
            raise _unreadable(
                field, gettext_noop("The list has more than %(limit)d images."), limit=MAX_ENTRIES
            )
        entries.append(_read(line, part))
    if not entries:
        raise _unreadable(field, gettext_noop("No image found in the text. Enter one image per line."))
    return ReadList("yaml" if is_yaml else "lines", _each_once(entries))


def _unreadable(field: str, template: str, **params: Any) -> FieldErrors:
    return FieldErrors({field: [filled(template, params)]})


# --- one reference a line -------------------------------------------------------------------------------------
#: What stands beside pull lines in a pasted script and moves nothing from a source.
_BESIDE: Final = re.compile(
    r"(?:[$#] )?(?:sudo )?(?:docker|podman|nerdctl|crane|skopeo|helm|oras|regctl) (?:image |registry |auth )?"
    r"(?:tag|push|login|logout|rmi|images|info|version|inspect)(?: .*)?"
    r"|(?:[$#] )?(?:sudo )?(?:set|echo|cd|export|curl|wget|cat|printf|kubectl|aws|az|gcloud) .*"
    r"|[A-Za-z_][A-Za-z0-9_]*=[^ ]*|#.*|//.*|```.*",
    re.ASCII,
)
#: What a command gets in its environment.
_ASSIGNMENTS: Final = re.compile(r"\A(?:[A-Za-z_][A-Za-z0-9_]{0,63}=[^ ]* )+")
_PULLS: Final = re.compile(
    r"(?:\$ |# )?(?:sudo )?(?:docker|podman|nerdctl|buildah|crane|img|ctr|crictl|helm) \S", re.ASCII
)
_FROM: Final = re.compile(r"(?:from|image:|- image:) ", re.ASCII | re.IGNORECASE)
_COMMAND_ENDS: Final = re.compile(r"&&|;")
_BETWEEN: Final = re.compile(r"[\s,]+")
_BULLET: Final = re.compile(r"(?:[-*•]|\d{1,4}[.)])\s+")


def _of_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        for part in _COMMAND_ENDS.split(" ".join(line.strip("\ufeff \t\\").split())):
            yield from ((number, word) for word in _words(part.strip()))


def _words(part: str) -> list[str]:
    """The references of one part of a line: a command is one, other words are one each."""
    part = _ASSIGNMENTS.sub("", part, count=1)
    if _PULLS.match(part) and not _BESIDE.fullmatch(part):
        return [part]
    if not part or _BESIDE.fullmatch(part):
        return []
    if _FROM.match(part):
        return [part]
    listed = _BULLET.sub("", part, count=1).partition(" #")[0]
    words = [word for word in _BETWEEN.split(listed.strip("[]")) if word.strip("\"'`")]
    # With options it is a command that is not known here, and no list: its words are not looked at one by one.
    return [part] if any(word.startswith("-") for word in words[1:]) else words


# --- an entry -------------------------------------------------------------------------------------------------
#: ``${NAME:-default}`` and its kin: a compose file's variable with what stands in for it.
_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*:?[-]([^{}$]*)\}", re.ASCII)
_NOTE_DEFAULT: Final = gettext_noop("The variable's default value is used: %(reference)s")


def _read(line: int, text: str) -> Entry:
    entry = Entry(line, hide_passwords(text[:_SHOWN_CHARS]))
    plain = _VARIABLE.sub(r"\1", text)
    if "{{" in plain:
        template = gettext_noop(
            "This is a template. Paste its output instead, for example that of helm template."
        )
        return replace(entry, error=(template, {}))
    if "$" in plain.removeprefix("$ "):
        return replace(
            entry,
            error=(
                gettext_noop(
                    "This reference contains a variable without a value. Replace it with the value."
                ),
                {},
            ),
        )
    try:
        pasted = read_pasted(plain)
    except OciError as exc:
        return replace(entry, error=(exc.template, {name: str(value) for name, value in exc.params.items()}))
    notes = [(template, dict(params)) for template, params in pasted.notes]
    if plain != text:
        notes.append((_NOTE_DEFAULT, {"reference": str(pasted.reference)}))
    return replace(entry, reference=str(pasted.reference), platforms=pasted.platforms, notes=tuple(notes))


def _each_once(entries: list[Entry]) -> tuple[Entry, ...]:
    first: dict[object, Entry] = {}
    for entry in entries:
        key = (entry.reference, entry.platforms) if entry.reference else (entry.line, entry.text)
        known = first.get(key)
        first[key] = entry if known is None else replace(known, also=(*known.also, entry.line))
    return tuple(first.values())
