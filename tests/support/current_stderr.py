"""Where tests log to."""

from __future__ import annotations

import logging
import sys
from typing import TextIO


class CurrentStderr(logging.StreamHandler[TextIO]):
    """Logs to what standard error is at that moment.

    pytest puts another stream there for each test that reads it, and closes that one when the test ends; the portal's
    threads go on. A log line that finds its stream closed is printed with its traceback, which parses Python: where
    another thread does the same just then, Python before 3.11.5 ends it with a SystemError (gh-106905).
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Standard error, as it is now."""
        return sys.stderr
