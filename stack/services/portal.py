"""The portal's own processes: web, worker, beat, and Django's commands."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping

from stack.paths import BIN, ROOT
from stack.services.spec import ServiceSpec, Stopping, Surroundings

#: Celery warns of root on each start, for fear of pickled messages; ours are JSON and nothing else is accepted.
ROOT_WARNING = "ignore:You're running the worker with superuser privileges"


def web_service(*, env: Mapping[str, str], socket_fd: int, host: str, port: int) -> ServiceSpec:
    """Gunicorn on a socket that the runner holds: the port stays ours while a dead gunicorn is started again."""
    return ServiceSpec(
        name="web",
        argv=[str(BIN / "gunicorn"), "registry_portal.wsgi", "--bind", f"fd://{socket_fd}"],
        ready=lambda: answers(host, port, "/healthz"),
        # One line a request would bury what matters: an open page alone asks every two seconds.
        surroundings=Surroundings(
            env={"LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"), **env}, cwd=ROOT, pass_fds=(socket_fd,)
        ),
        stopping=Stopping(seconds=15),
    )


def worker_service(*, env: Mapping[str, str]) -> ServiceSpec:
    """The Celery worker of both queues. SIGTERM means: hand the running imports back, then stop."""
    return ServiceSpec(
        name="worker",
        argv=[str(BIN / "celery"), "--quiet", "-A", "registry_portal", "worker", "--without-mingle"],
        surroundings=Surroundings(env={**env, "PYTHONWARNINGS": ROOT_WARNING}, cwd=ROOT),
        stopping=Stopping(seconds=30),
    )


def beat_service(*, env: Mapping[str, str]) -> ServiceSpec:
    """Celery's clock."""
    return ServiceSpec(
        name="beat",
        argv=[
            str(BIN / "celery"),
            "--quiet",
            "-A",
            "registry_portal",
            "beat",
            "--loglevel",
            "WARNING",
            "--pidfile=",
        ],
        surroundings=Surroundings(env=env, cwd=ROOT),
    )


def manage(*arguments: str) -> list[str]:
    """The argument vector of one of Django's commands."""
    return [str(BIN / "python"), str(ROOT / "manage.py"), *arguments]


def answers(host: str, port: int, path: str) -> bool:
    """A plain GET there is answered 200."""
    connection = http.client.HTTPConnection(host, port, timeout=3)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
