"""Pasted commands that pull an image: which image, which platforms, and the command without what may be secret.

An option is kept as typed only where its value is known to tell nothing; the value of every other one may be a
password, also that of an option which is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from oci.errors import gettext_noop
from oci.redaction import MASK, scrub
from oci.reference.grammar import InvalidReference, tag_of, valid_tag

NOTE_COMMAND: Final = gettext_noop("Read from the command “%(command)s”.")
NOTE_OPTION: Final = gettext_noop("Ignored option: %(option)s")
NOTE_PLATFORM: Final = gettext_noop("Only the platform %(platform)s is imported.")
ONE_AT_A_TIME: Final = gettext_noop("Enter one image at a time. For a list of images, use a batch.")
NOTE_VERSION: Final = gettext_noop("The chart version %(version)s is used as the tag.")

_COMMANDS: Final = re.compile(
    r"(?P<before>(?:\$ |# )?(?:sudo )?"
    r"(?P<command>(?:docker|podman|nerdctl|buildah|crane|img) (?:(?:-n|--namespace|--context)[ =][a-z0-9._-]+ )?"
    r"(?:image )?pull"
    r"|(?:ctr|crictl) (?:-n [a-z0-9.]+ )?(?:images? )?pull|helm pull|FROM|from|(?:- )?image:) )(?P<rest>.*)",
    re.ASCII,
)
SPACES: Final = re.compile(r"[ \t]+")
#: A word as a shell reads it, in its quotes; a quote that no one closed goes to the end.
WORD: Final = re.compile(r"""(?:[^ '"\\]|\\.?|'[^']*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z))+""")
_LONG: Final = re.compile(r"--[A-Za-z][A-Za-z0-9-]*")
_STAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)

#: Options whose value says what is wanted, and nothing else.
_TELLING: Final = frozenset({"--platform", "--arch", "--os", "--variant", "--version", "--repo"})
#: A repository of charts, without what could be a password.
_REPO: Final = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9._~%-]+)*/?", re.ASCII | re.IGNORECASE)
#: Other options that take their value from the next word; all the rest stand alone or carry it after ``=``.
_WITH_VALUE: Final = frozenset(
    {
        "--address", "--auth", "--authfile", "--ca-file", "--cert-dir", "--cert-file", "--config", "--creds",
        "--decryption-key", "--destination", "--dest-creds", "--host", "--hosts-dir", "--identity-token", "--key-file",
        "--keyring", "--label", "--max-concurrent-downloads", "--namespace", "--pass", "--passphrase-file",
        "--password", "--pod-config", "--registry-token", "--retry", "--retry-delay", "--snapshotter",
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


class _Reading:
    """What was read of a command so far."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.images: list[int] = []
        self.notes: list[tuple[str, dict[str, str]]] = []
        self.platforms: list[str] = []
        self.version = ""
        self.repo = ""
        self.changed = False


def read_command(text: str) -> Command | None:
    """The command that a line is; None where it is none that pulls.

    :raises InvalidReference: it names no image, or several.
    """
    match = _COMMANDS.fullmatch(SPACES.sub(" ", text))
    if match is None:
        return None
    read = _Reading()
    read.notes.append((NOTE_COMMAND, {"command": match["command"].removeprefix("- ").rstrip(":")}))
    words = iter(WORD.findall(match["rest"]))
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
        raise InvalidReference(ONE_AT_A_TIME)
    at = read.images[0]
    image = read.words[at].strip("`'\"")
    return Command(
        image=_chart(image, read) if match["command"] == "helm pull" else image,
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
    is_shown = bool(plain) or not value or (here and value in _YES_OR_NO)
    read.words.append(name)
    if not here:
        read.words.append(value if is_shown else MASK)
    elif value:
        read.words[-1] += value if is_shown else "=" * value.startswith("=") + MASK
    read.changed |= not is_shown
    if name == "--platform" and plain:
        read.platforms.append(plain)
        read.notes.append((NOTE_PLATFORM, {"platform": plain}))
    elif name == "--version" and plain:
        read.version = plain
    elif name == "--repo" and plain:
        if not _REPO.fullmatch(plain):
            raise InvalidReference(
                gettext_noop(
                    "What follows --repo must be the address of a chart repository, without username and password."
                )
            )
        read.repo = plain
    else:
        read.notes.append((NOTE_OPTION, {"option": name}))


def _name_of(word: str) -> str:
    """The name of an option that may have its value glued to it."""
    if _FLAGS.fullmatch(word):
        return word
    match = _LONG.match(word)
    return match[0] if match else word[:2]


def _chart(image: str, read: _Reading) -> str:
    """What ``helm pull`` pulls: from a registry, or the chart of a repository that an option names."""
    if read.repo and "://" not in image:
        image = f"helm+{read.repo.rstrip('/')}/{image}"
    return _with_version(image, read)


def _with_version(image: str, read: _Reading) -> str:
    """A chart's version is its tag in a registry."""
    if not read.version:
        return image
    tag = tag_of(read.version)
    if not valid_tag(tag):
        raise InvalidReference(
            gettext_noop("%(version)s is not an exact chart version. Enter one, for example 6.5.0."),
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
    """A text that names no image that we understand, for the person who typed it and for no one's records."""
    text = _OPTION.sub(rf"\1 {MASK}", text)
    return scrub(_VARIABLE.sub(rf"\1={MASK}", text))
