"""An answer of the site that says "ask again" sets its request aside (:mod:`imageimport.first_pull.held`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from imageimport.first_pull.held import ASK_AGAIN, HELD_SINCE
from registry_portal.web.pacing import PacedSocket

#: Requests that one process keeps waiting; each costs a connection and no thread.
MAX_ASIDE: Final = 250
#: The longest pause between two questions, seconds.
MAX_PAUSE_SECONDS: Final = 10.0

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class SetAside(BaseException):
    """The site wants to be asked again. No :class:`Exception`, since gunicorn answers those with an error page."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Holding:
    """The site as a WSGI application, whose answers for now are not sent.

    :param has_room: whether one more request may wait.
    """

    def __init__(self, application: Application, has_room: Callable[[], bool]) -> None:
        self._application = application
        self._has_room = has_room

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        sock = environ.get("gunicorn.socket")
        if isinstance(sock, PacedSocket) and sock.aside_since:
            environ[HELD_SINCE] = sock.aside_since
        asked: list[float] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            pause = next((value for name, value in headers if name == ASK_AGAIN), None)
            if pause is None:
                return start_response(status, headers, exc_info)
            if isinstance(sock, PacedSocket) and self._has_room():
                asked.append(min(float(pause), MAX_PAUSE_SECONDS))
                return None
            rest = [(name, value) for name, value in headers if name != ASK_AGAIN]
            return start_response(status, rest, exc_info)

        found = self._application(environ, start)
        if asked:
            if callable(close := getattr(found, "close", None)):
                close()
            raise SetAside(asked[0])
        return found
