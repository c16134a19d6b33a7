"""How long a person's request may read images or files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from oci.cancel import CancelToken
from oci.errors import Canceled, OciError

#: Reading ends after this time, seconds: proxies wait a minute for an answer.
READING_SECONDS: Final = 50.0


@contextmanager
def in_time(template: str) -> Iterator[CancelToken]:
    """A token that is pulled when the time is over.

    :param template: says so, marked for translation, with a place for ``seconds``.
    :raises OciError: ``timeout``.
    """
    cancel = CancelToken()
    with cancel.after(READING_SECONDS):
        try:
            yield cancel
        except Canceled:
            raise OciError("timeout", template, seconds=int(READING_SECONDS)) from None
