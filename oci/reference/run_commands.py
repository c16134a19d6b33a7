"""Pasted commands that name an image among much else: ``docker run``, ``kubectl run --image``, ``skopeo copy``.

Of these the image is taken, and the platform where one is named. What else stands there, options, variables, the
command to run, may be or hold a password: it is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from oci.errors import gettext_noop
from oci.reference.command_line import (
    NOTE_COMMAND,
    NOTE_PLATFORM,
    ONE_AT_A_TIME,
    SPACES,
    WORD,
    Command,
)
from oci.reference.grammar import InvalidReference

NOTE_REST: Final = gettext_noop("Only the image of the command is used.")

_COMMANDS: Final = re.compile(
    r"(?:\$ |# )?(?:sudo )?"
    r"(?P<command>(?:docker|podman|nerdctl) (?:container )?(?:run|create)"
    r"|kubectl (?:run|create (?:deployment|job|cronjob)|debug)"
    r"|skopeo (?:copy|inspect)|(?:crane|oras) (?:copy|cp|manifest|pull)|regctl image (?:copy|inspect)) (?P<rest>.*)",
    re.ASCII,
)
#: A line that goes on in the next one, which a field for one line puts behind it.
_CONTINUED: Final = re.compile(r"\\[ \t\r\n]+")
_PLATFORM: Final = re.compile(r"[a-z0-9]+(?:/[a-z0-9.]+){1,2}", re.ASCII)
#: Options of ``docker run`` and ``podman run`` that stand alone; all others take the next word.
_ALONE: Final = frozenset(
    {
        "--detach", "--disable-content-trust", "--env-host", "--help", "--http-proxy", "--init", "--interactive",
        "--no-healthcheck", "--no-hosts", "--oom-kill-disable", "--privileged", "--publish-all", "--quiet",
        "--read-only", "--read-only-tmpfs", "--replace", "--rm", "--rmi", "--sig-proxy", "--tls-verify", "--tty",
        "--use-api-socket",
    }
)  # fmt: skip
#: The same in one letter, of which several may stand together.
_LETTERS_ALONE: Final = frozenset("ditPq")
#: Options of ``crane``, ``oras`` and ``regctl`` that take the next word.
_WITH_VALUE: Final = frozenset(
    {
        "--authfile", "--command-timeout", "--config", "--creds", "--dest-authfile", "--dest-creds", "--format",
        "--from-password", "--from-username", "--host", "--output", "--override-arch", "--override-os",
        "--override-variant", "--password", "--platform", "--retry-times", "--src-authfile", "--src-creds",
        "--src-password", "--src-username", "--username", "-f", "-o", "-p", "-u",
    }
)  # fmt: skip


def read_run(text: str) -> Command | None:
    """The image of a command that does more than pull; None where the line is none of them.

    :raises InvalidReference: it names none.
    """
    match = _COMMANDS.fullmatch(SPACES.sub(" ", _CONTINUED.sub(" ", text)))
    if match is None:
        return None
    command = match["command"]
    image, platform = _READERS[command.partition(" ")[0]](iter(WORD.findall(match["rest"])))
    if not image:
        raise InvalidReference(ONE_AT_A_TIME)
    notes: list[tuple[str, dict[str, str]]] = [(NOTE_COMMAND, {"command": command})]
    if platform:
        notes.append((NOTE_PLATFORM, {"platform": platform}))
    glue = "--image=" if command.startswith("kubectl") else ""
    return Command(
        image=image,
        before=f"{command} {f'--platform {platform} ' if platform else ''}{glue}",
        after="",
        changed=True,
        notes=(*notes, (NOTE_REST, {})),
        platforms=(platform,) if platform else (),
    )


def _of_run(words: Iterator[str]) -> tuple[str, str]:
    """The first word that is neither an option nor the value of one."""
    platform = ""
    for word in words:
        name, has_value, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            return _plain(word), platform
        if not word.startswith("--"):
            if _takes_next(word):
                next(words, "")
        elif not has_value and name not in _ALONE:
            value = next(words, "")
        if name == "--platform":
            platform = _as_platform(value)
    return "", platform


def _takes_next(letters: str) -> bool:
    """Whether the value of letters such as ``-itp`` is the next word and not glued to its letter."""
    for place, letter in enumerate(letters[1:], start=1):
        if letter not in _LETTERS_ALONE:
            return place == len(letters) - 1
    return False


def _of_kubectl(words: Iterator[str]) -> tuple[str, str]:
    """The value of ``--image``."""
    for word in words:
        name, has_value, value = word.partition("=")
        if name == "--image":
            return _plain(value if has_value else next(words, "")), ""
        if word == "--":
            break
    return "", ""


def _of_copy(words: Iterator[str]) -> tuple[str, str]:
    """The first of the two names: what is copied."""
    platform = ""
    for word in words:
        name, has_value, value = word.partition("=")
        if not word.startswith("-"):
            return _plain(word), platform
        if not has_value and name in _WITH_VALUE:
            value = next(words, "")
        if name == "--platform":
            platform = _as_platform(value)
    return "", platform


def _of_skopeo(words: Iterator[str]) -> tuple[str, str]:
    """The first name at a registry; files and daemons have other prefixes."""
    return next((word for each in words if (word := _plain(each)).startswith("docker://")), ""), ""


def _plain(word: str) -> str:
    return word.strip("`'\"")


def _as_platform(text: str) -> str:
    plain = _plain(text)
    return plain if _PLATFORM.fullmatch(plain) else ""


_READERS: Final[dict[str, Callable[[Iterator[str]], tuple[str, str]]]] = {
    **dict.fromkeys(("docker", "podman", "nerdctl"), _of_run),
    "kubectl": _of_kubectl,
    "skopeo": _of_skopeo,
    **dict.fromkeys(("crane", "oras", "regctl"), _of_copy),
}
