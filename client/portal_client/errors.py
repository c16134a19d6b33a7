"""What ends a command with exit code 1: a sentence for people, a code for programs."""

from __future__ import annotations

from typing import Any


class PortalError(Exception):
    """A command can't go on.

    :param sentence: what is wrong, for people, without secrets.
    :param code: as the API names it, or ``client_error``.
    :param body: the API's whole answer, where there is one.
    """

    def __init__(self, sentence: str, code: str = "client_error", body: dict[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.body = body if body is not None else {"code": code, "detail": sentence}


class NotThere(PortalError):
    """The API answered 404: it does not exist, or is not yours to see."""


class Unreachable(PortalError):
    """No answer of the portal arrived."""


class NotSignedIn(PortalError):
    """The API answered 401."""
