"""JSON as a registry must send it: UTF-8, one value a key, bounded in depth, number and size.

The standard parser takes UTF-16, byte order marks, NaN, duplicate keys and lone surrogates, and recurses as
deep as the text tells it. Two programs that read such a text differently can be made to disagree about what
was checked.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from oci import limits
from oci.errors import gettext_noop

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

#: A string, also one that never ends, or what gives structure. Possessive, for backtracking takes memory
#: and time.
_STRING_OR_STRUCTURE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


class BadJsonError(ValueError):
    """Why a text is refused: a sentence template; ``too_large`` when it only exceeds a bound."""

    def __init__(self, template: str, *, too_large: bool = False) -> None:
        super().__init__(template)
        self.template = template
        self.too_large = too_large


def load(body: bytes, *, most_values: int = limits.JSON_VALUES) -> Json:
    """Parse a JSON text strictly.

    :param most_values: in it.
    :raises BadJsonError: with the reason; the size of ``body`` is the caller's to bound.
    """
    if len(body) > limits.JSON_WIDE_BYTES and (not body.isascii() or b"\\u" in body):
        raise BadJsonError(
            gettext_noop("The registry's response exceeds a limit: a text of this size must be plain ASCII."),
            too_large=True,
        )
    try:
        text = body.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise BadJsonError(gettext_noop("Can't read the registry's response: it is not UTF-8.")) from None
    if text.startswith("\ufeff"):
        raise BadJsonError(
            gettext_noop("Can't read the registry's response: it begins with a byte order mark.")
        )
    _check_structure(text, most_values)
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except BadJsonError:
        raise
    except ValueError:
        raise BadJsonError(gettext_noop("Can't read the registry's response: it is not JSON.")) from None
    _check_strings(value)
    return value


def dump(value: Json) -> bytes:
    """The shortest UTF-8 text of a value, its keys in their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _check_structure(text: str, most_values: int) -> None:
    """Depth and number of values, found without recursion and before anything is built."""
    depth = values = 0
    for match in _STRING_OR_STRUCTURE.finditer(text):
        character = match[0]
        if character in "[{":
            depth += 1
            values += 1
        elif character in "]}":
            depth -= 1
        elif character == ",":
            values += 1
        if depth > limits.JSON_DEPTH:
            raise BadJsonError(
                gettext_noop("The registry's response exceeds a limit: its brackets are nested too deeply."),
                too_large=True,
            )
        if values > most_values:
            raise BadJsonError(
                gettext_noop("The registry's response exceeds a limit: it has too many values."),
                too_large=True,
            )


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadJsonError(
            gettext_noop("Can't read the registry's response: an object has the same key twice.")
        )
    return result


def _integer(digits: str) -> int:
    if len(digits) > limits.JSON_NUMBER_CHARS:
        raise BadJsonError(gettext_noop("Can't read the registry's response: a number is too long."))
    return int(digits)


def _float(digits: str) -> float:
    if len(digits) > limits.JSON_NUMBER_CHARS:
        raise BadJsonError(gettext_noop("Can't read the registry's response: a number is too long."))
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise BadJsonError(gettext_noop("Can't read the registry's response: a number is too large."))
    return number


def _constant(_name: str) -> NoReturn:
    raise BadJsonError(
        gettext_noop(
            "Can't read the registry's response: it contains NaN or Infinity, which JSON doesn't allow."
        )
    )


def _check_strings(value: Json) -> None:
    """No NUL and no half of a surrogate pair; the depth is bounded already."""
    if isinstance(value, str):
        _check_string(value)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_string(key)
            _check_strings(item)


def _check_string(text: str) -> None:
    if "\0" in text:
        raise BadJsonError(
            gettext_noop("Can't read the registry's response: a string contains a NUL character.")
        )
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise BadJsonError(
            gettext_noop("Can't read the registry's response: a string contains half of a surrogate pair.")
        )
