"""What error answers and warnings may tell a person: short, printable, without secrets or markup tricks."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from typing import Final

from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.limits import ERROR_BODY_BYTES, ERROR_TEXT_BYTES
from oci.redaction import scrub
from oci.registry.faults import ErrorBody

#: A URL with its query. The query is optional, so that a text is gone over once: a URL without one is no failed match
#: from which the next place is tried.
_QUERY: Final = re.compile(r"(?i)(https?://[^\s?\"'<>]+)(?:\?[^\s\"'<>]*)?")
_TAG: Final = re.compile(
    r"<(?:script|style)\b.*?(?:</(?:script|style)\s*>|\Z)|<[^<>]{0,1000}>", re.DOTALL | re.IGNORECASE
)
_SPACES: Final = re.compile(r"\s+")
_CODE: Final = re.compile(r"[A-Z_]{1,64}", re.ASCII)
_WARNING: Final = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')
#: So many times what is shown is searched for shapes of secrets: markup and runs of spaces shrink afterwards.
_SCRUBBED: Final = 4
_ESCAPED: Final = re.compile(r"\\(.)")


def clean(text: str, limit: int = ERROR_TEXT_BYTES) -> str:
    """``text`` for people: no control or bidi characters, no secrets, no queries of URLs, at most ``limit``
    bytes.
    """
    text = _QUERY.sub(r"\1", scrub(text, _SCRUBBED * limit))
    text = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char for char in text
    )
    text = _SPACES.sub(" ", text).strip()
    return text.encode()[:limit].decode(errors="ignore")


def read_error(response: Response) -> ErrorBody:
    """The codes and the text of an error answer, which then has ended. Never raises for what the body is."""
    try:
        raw = response.read(ERROR_BODY_BYTES)
    except (OverflowError, ConnectionBroken, ProtocolError):
        return ErrorBody()
    text = raw.decode("utf-8", errors="replace")
    codes, message = _registry_errors(text)
    if not codes and not message:
        message = _TAG.sub(" ", text) if "<" in text else text
    return ErrorBody(codes, clean(message))


def _registry_errors(text: str) -> tuple[tuple[str, ...], str]:
    """Codes and sentence of ``{"errors": [{"code", "message", "detail"}]}`` or of a token server's ``{"details"|
    "message": …}``.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return (), ""
    if not isinstance(document, dict):
        return (), ""
    errors = document.get("errors")
    if not isinstance(errors, list):
        texts = [document.get(key) for key in ("details", "message", "error_description", "error")]
        return (), next((word for word in texts if isinstance(word, str)), "")
    codes: list[str] = []
    words: list[str] = []
    for entry in errors[:10]:
        if not isinstance(entry, dict):
            continue
        code, message, detail = entry.get("code"), entry.get("message"), entry.get("detail")
        if isinstance(code, str) and _CODE.fullmatch(code):
            codes.append(code)
        if isinstance(message, str):
            words.append(message)
        if isinstance(detail, dict):
            detail = _system_error(detail) or detail.get("Err") or detail.get("message")
            detail = json.dumps(detail) if isinstance(detail, dict) else detail
        if isinstance(detail, str) and detail:
            words.append(detail)
    return tuple(codes), "; ".join(words) or ", ".join(codes)


def _system_error(detail: object) -> str:
    """Go writes a system error by its number, several wrappings deep: ``{"Enclosed": {"Op": …, "Err": 28}}``."""
    for _ in range(4):
        if not isinstance(detail, dict):
            return ""
        number = detail.get("Err")
        if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 256:
            return os.strerror(number)
        detail = detail.get("Enclosed") or number
    return ""


def read_warnings(response: Response) -> list[str]:
    """Texts of the ``Warning`` headers that the distribution specification knows (code 299)."""
    found = []
    for value in response.header_values("Warning")[:10]:
        match = _WARNING.fullmatch(value.strip())
        if match:
            found.append(clean(_ESCAPED.sub(r"\1", match.group(1)), 256))
    return [text for text in found if text]
