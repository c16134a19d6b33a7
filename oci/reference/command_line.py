"""Pasted commands that pull an image: which image, which platforms, and the command without what may be secret.

An option is kept as typed only where its value is known to tell nothing; the value of every other one may be a
password, also that of an option which is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from oci.errors import gettext_noop
from oci.redaction import MASK, scrub
from oci.reference.grammar import InvalidReference, valid_tag

NOTE_COMMAND: Final = gettext_noop("Understood as the command “%(command)s”.")
NOTE_OPTION: Final = gettext_noop("The option %(option)s was left out.")
NOTE_PLATFORM: Final = gettext_noop("Only the platform %(platform)s was asked for.")
NOTE_VERSION: Final = gettext_noop("The version %(version)s of the chart is its tag.")

_COMMANDS: Final = re.compile(
    r"(?P<before>(?:\$ |# )?(?:sudo )?"
    r"(?P<command>(?:docker|podman|nerdctl|buildah|crane|img) (?:image )?pull"
    r"|(?:ctr|crictl) (?:-n [a-z0-9.]+ )?(?:images? )?pull|helm pull|FROM|from|(?:- )?image:) )(?P<rest>.*)",
    re.ASCII,
)
_SPACES: Final = re.compile(r"[ \t]+")
#: A word as a shell reads it, in its quotes; a quote that nobody closed goes to the end.
_WORD: Final = re.compile(r"""(?:[^ '"\\]|\\.?|'[^']*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z))+""")
_LONG: Final = re.compile(r"--[A-Za-z][A-Za-z0-9-]*")
_STAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)

#: Options whose value says what is wanted, and nothing else.
_TELLING: Final = frozenset({"--platform", "--arch", "--os", "--variant", "--version"})
#: Other options that take their value from the next word; all the rest stand alone or carry it after ``=``.
_WITH_VALUE: Final = frozenset(
    {
        "--address", "--auth", "--authfile", "--ca-file", "--cert-dir", "--cert-file", "--config", "--creds",
        "--decryption-key", "--destination", "--dest-creds", "--host", "--hosts-dir", "--identity-token", "--key-file",
        "--keyring", "--label", "--max-concurrent-downloads", "--namespace", "--pass", "--passphrase-file",
        "--password", "--pod-config", "--registry-token", "--repo", "--retry", "--retry-delay", "--snapshotter",
        "--src-creds", "--tlscacert", "--tlscert", "--tlskey", "--token", "--untardir", "--user", "--username",
        "-H", "-d", "-n", "-p", "-u",
    }
)  # fmt: skip
_FLAGS: Final = re.compile(r"-[aq]{1,2}")
_YES_OR_NO: Final = frozenset({"=true", "=false"})


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the word that names the image, the words around it without what may be secret, what was noticed.

    :ivar changed: something was taken out of ``before`` or ``after``.
    """

    image: str
    before: str
    after: str
    changed: bool
    notes: tuple[tuple[str, dict[str, str]], ...]
    platforms: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """What was read of a command so far."""

    words: list[str] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    notes: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    platforms: list[str] = field(default_factory=list)
    version: str = ""
    changed: bool = False


def read_command(text: str) -> Command | None:
    """The command that a line is; None where it is none that pulls.

    :raises InvalidReference: it names no image, or several.
    """
    match = _COMMANDS.fullmatch(_SPACES.sub(" ", text))
    if match is None:
        return None
    read = _Reading()
    read.notes.append((NOTE_COMMAND, {"command": match["command"].removeprefix("- ").rstrip(":")}))
    words = iter(_WORD.findall(match["rest"]))
    for word in words:
        if word.startswith("#"):
            read.changed = True  # A remark may say anything.
            break
        if read.images and word.lower() == "as":
            _take_stage(read, word, words)
            break
        if word.startswith("-"):
            _take_option(read, word, words)
        else:
            read.images.append(len(read.words))
            read.words.append(word)
    if len(read.images) != 1:
        raise InvalidReference(gettext_noop("Paste one image at a time; a list of images goes into a batch."))
    at = read.images[0]
    image = read.words[at].strip("`'\"")
    return Command(
        image=_with_version(image, read) if match["command"] == "helm pull" else image,
        before=match["before"] + "".join(f"{word} " for word in read.words[:at]),
        after="".join(f" {word}" for word in read.words[at + 1 :]),
        changed=read.changed,
        notes=tuple(read.notes),
        platforms=tuple(read.platforms),
    )


def _take_stage(read: _Reading, word: str, words: Iterator[str]) -> None:
    """The name that a build file gives to the image, and nothing after it."""
    name = next(words, "")
    if _STAGE.fullmatch(name):
        read.words += [word, name]
    read.changed |= read.words[-1] != name or next(words, None) is not None


def _take_option(read: _Reading, word: str, words: Iterator[str]) -> None:
    name = _name_of(word)
    value, here = word.removeprefix(name), True
    if not value and name in _TELLING | _WITH_VALUE:
        value, here = next(words, ""), False
    plain = value.removeprefix("=").strip("'\"") if name in _TELLING else ""
    told = bool(plain) or not value or (here and value in _YES_OR_NO)
    read.words.append(name)
    if not here:
        read.words.append(value if told else MASK)
    elif value:
        read.words[-1] += value if told else "=" * value.startswith("=") + MASK
    read.changed |= not told
    if name == "--platform" and plain:
        read.platforms.append(plain)
        read.notes.append((NOTE_PLATFORM, {"platform": plain}))
    elif name == "--version" and plain:
        read.version = plain
    else:
        read.notes.append((NOTE_OPTION, {"option": name}))


def _name_of(word: str) -> str:
    """Of an option that may have its value glued to it."""
    if _FLAGS.fullmatch(word):
        return word
    match = _LONG.match(word)
    return match[0] if match else word[:2]


def _with_version(image: str, read: _Reading) -> str:
    """A chart's version is its tag in a registry, with ``_`` for ``+`` (helm.sh/docs/topics/registries)."""
    if not read.version:
        return image
    tag = read.version.replace("+", "_")
    if not valid_tag(tag):
        raise InvalidReference(
            gettext_noop("%(version)s is not one version of a chart. Name one, for example 6.5.0."),
            version=scrub(read.version[:100]),
        )
    if ":" in image.rpartition("/")[2] or "@" in image:
        read.notes.append((NOTE_OPTION, {"option": "--version"}))
        return image
    read.notes.append((NOTE_VERSION, {"version": read.version}))
    return f"{image}:{tag}"


# --- other texts ----------------------------------------------------------------------------------------------
#: Where a line that is not understood may have a password: after such an option, or in such a variable.
_OPTION: Final = re.compile(
    r"(?i)(?<![\w-])(-u|-p|--(?:[a-z]+-)?(?:user|username|pass|passwd|password|passphrase|creds|auth|token|secret))"
    r"(?:[ =]+|(?<=-[up]))(?!\*\*\*)[^\s]+"
)
_VARIABLE: Final = re.compile(r"(?<![^\s;&|'\"])([A-Za-z][A-Za-z0-9_]{0,63})=(?!\*\*\*)[^\s;&|]+")


def hide_passwords(text: str) -> str:
    """A text that names no image that we understand, for the person who typed it and for nobody's records."""
    text = _OPTION.sub(rf"\1 {MASK}", text)
    return scrub(_VARIABLE.sub(rf"\1={MASK}", text))
