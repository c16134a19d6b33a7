"""Nothing but the door opens connections to hosts that somebody named: told from the source, and from what happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import dispatch
from stack.paths import ROOT
from stack.sample import sample_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import ProjectFactory
from tests.support.reaching import reaches

#: The product. ``stack``, ``scripts`` and ``bench`` start, watch and measure services of the operator's own machine;
#: no web request and no import runs their code (import-linter holds that), and no user names what they contact.
PRODUCT = ("oci", "accounts", "projects", "imageimport", "registry_portal")

#: What may reach out, and why that leads nowhere that a user or a registry named.
ALLOWED = {
    "oci/egress/dial.py": (
        {"socket.getaddrinfo()", "socket.socket()", "connect_ex()", "selectors", "ssl"},
        "the door itself",
    ),
    "oci/egress/door.py": ({"ssl"}, "the door: errors and types of TLS"),
    "oci/egress/tls.py": ({"ssl"}, "makes the door's TLS context; opens nothing"),
    "oci/http/connection.py": ({"ssl"}, "reads and writes a socket that the door opened"),
    "oci/egress/own_endpoints.py": (
        {"socket.socket()"},
        "asks the system whether an address is this machine's: binds, and looks up the route; sends nothing",
    ),
    "imageimport/registries/shared_redis.py": ({"redis"}, "REDIS_URL"),
    "imageimport/registries/source_connections.py": (
        {"redis"},
        "REDIS_URL; counts by a script that runs there",
    ),
    "accounts/redis/pools.py": (
        {
            "redis",
            "redis.backoff.NoBackoff",
            "redis.connection.ConnectionPool",
            "redis.retry.Retry",
            "redis.sentinel.Sentinel",
        },
        "REDIS_URL, and the Sentinels that it names",
    ),
    "accounts/breaker.py": ({"redis"}, "knows the errors of whoever asks REDIS_URL; opens nothing"),
    "registry_portal/web/webworker.py": (
        {"selectors"},
        "waits for connections that people have opened to the web server",
    ),
    "registry_portal/celery.py": ({"ctypes"}, "calls one function of the C library, which opens nothing"),
    "registry_portal/home/status.py": ({"redis", "kombu.exceptions.OperationalError"}, "REDIS_URL"),
    "registry_portal/observability/health.py": ({"redis"}, "REDIS_URL"),
    "imageimport/worker/transports/docker.py": (
        {"docker", "requests", "docker.errors.DockerException", "docker.errors.ImageNotFound"},
        "DOCKER_HOST; what the Engine is told to pull was resolved and judged by our own client first",
    ),
    "imageimport/worker/transports/engine_stream.py": (
        {"docker", "requests", "docker.errors.DockerException"},
        "reads the stream of DOCKER_HOST",
    ),
    "registry_portal/observability/exporters.py": (
        {
            "importlib.util",
            "sentry_sdk",
            "opentelemetry.trace",
            "opentelemetry.exporter.otlp.proto.http.trace_exporter.OTLPSpanExporter",
            "opentelemetry.instrumentation.django.DjangoInstrumentor",
            "opentelemetry.sdk.resources.OTELResourceDetector",
            "opentelemetry.sdk.resources.Resource",
            "opentelemetry.sdk.resources.SERVICE_NAME",
            "opentelemetry.sdk.trace.TracerProvider",
            "opentelemetry.sdk.trace.export.BatchSpanProcessor",
        },
        "SENTRY_DSN and OTEL_EXPORTER_OTLP_ENDPOINT, where the operator configured them",
    ),
    "registry_portal/observability/spans.py": (
        {
            "opentelemetry.sdk.trace.Event",
            "opentelemetry.sdk.trace.ReadableSpan",
            "opentelemetry.sdk.trace.export.SpanExporter",
            "opentelemetry.sdk.trace.export.SpanExportResult",
            "opentelemetry.trace.Status",
            "opentelemetry.util.types.Attributes",
        },
        "what is sent to OTEL_EXPORTER_OTLP_ENDPOINT, scrubbed first",
    ),
    "imageimport/webhooks/mail.py": (
        {
            "django.core.mail.EmailMessage",
            "django.core.mail.get_connection",
            "django.core.mail.message.sanitize_address",
        },
        "EMAIL_URL: Django writes to the operator's mail server",
    ),
    "imageimport/webhooks/smtp.py": (
        {
            "smtplib",
            "django.core.mail.EmailMessage",
            "django.core.mail.backends.smtp.EmailBackend",
        },
        "EMAIL_URL: the same, and cuts what takes too long",
    ),
    "accounts/sign_in/adapters.py": (
        {"allauth.socialaccount.adapter.DefaultSocialAccountAdapter"},
        "OIDC_SERVER_URL: allauth asks the operator's identity provider",
    ),
    "accounts/sign_in/way_out.py": (
        {
            "requests.ConnectionError",
            "requests.PreparedRequest",
            "requests.Response",
            "requests.adapters.BaseAdapter",
            "requests.structures.CaseInsensitiveDict",
            "requests.utils.get_encoding_from_headers",
        },
        "types of requests: what allauth asks of OIDC_SERVER_URL goes through the door",
    ),
}


def product_files() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT)) for package in PRODUCT for path in (ROOT / package).rglob("*.py")
    )


def test_nothing_in_the_product_could_open_a_connection_except_what_is_listed_with_its_reason() -> None:
    found: dict[str, set[str]] = {}
    for name in product_files():
        for _line, what in reaches((ROOT / name).read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(what)
    allowed = {name: what for name, (what, _reason) in ALLOWED.items()}
    assert found == allowed


@pytest.mark.parametrize(
    "code",
    [
        "import socket\nsocket.create_connection(('h', 1))",
        "import socket as s\ns.socket()",
        "import socket\nknock = socket.create_connection",
        "from functools import partial\nfrom http import client\npartial(client.HTTPSConnection, 'h')",
        "from socket import create_connection as c\nc(('h', 1))",
        "import http.client\nhttp.client.HTTPSConnection('h')",
        "from http.client import HTTPConnection\nHTTPConnection('h')",
        "import http.client as web\nweb.HTTPConnection('h')",
        "import urllib.request",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import requests",
        "import requests.sessions",
        "from urllib3 import PoolManager",
        "import asyncio",
        "import subprocess",
        "import os\nos.system('curl http://h')",
        "import os\nos.execvp('curl', [])",
        "import importlib\n",
        "__import__('socket')",
        "exec('import socket')",
        "def f():\n    import docker\n",
        "sock.connect_ex(('h', 1))",
    ],
)
def test_every_way_out_would_be_seen(code: str) -> None:
    assert list(reaches(code))


@pytest.mark.parametrize(
    "code",
    [
        "import socket\nsocket.gethostname()\nsocket.SOL_SOCKET\ndef f(s: socket.socket) -> None: ...",
        "from urllib.parse import urlsplit",
        "import http.client\nhttp.client.HTTPResponse(raw)\ntry: ...\nexcept http.client.HTTPException: ...",
        "worker_init.connect(f)",
    ],
)
def test_what_opens_nothing_is_left_alone(code: str) -> None:
    assert list(reaches(code)) == []


# --- what happens ---------------------------------------------------------------------------------------------

Seen = list[tuple[object, list[str]]]
_watchers: list[Seen] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watchers and event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        what = arguments[1] if event == "socket.connect" else (event, *arguments[:1])
        for seen in _watchers:
            seen.append((what, _files()))


def _files() -> list[str]:
    """Files of ours that led to the call, the nearest first."""
    found = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(str(ROOT)) and "/.venv/" not in name:
            found.append(name.removeprefix(f"{ROOT}/"))
        frame = frame.f_back
    return found


sys.addaudithook(_hook)  # can't be taken off again; it does nothing while nobody watches


@contextmanager
def connections() -> Iterator[Seen]:
    """What this process connects to, with the files that led there."""
    found: Seen = []
    _watchers.append(found)
    try:
        yield found
    finally:
        _watchers.remove(found)


@pytest.mark.django_db(transaction=True)
def test_every_connection_of_an_import_is_opened_by_the_door(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Callable[[], list[ImportTask]], redis_free: None
) -> None:
    source.add_image("ns/app", "1", sample_image())
    request = ImportRequest(image_url=f"{source.server_name}/ns/app:1")
    services.submit(project=ProjectFactory(), user=None, request=request)
    dispatch._notifier.flush(10)  # its way to Redis is allowed, and not what is watched here
    with connections() as found:
        (task,) = work()
    assert task.status == "success", task.error
    addresses = {address for address, _files in found}
    assert addresses == {("127.0.0.1", source.port), ("127.0.0.1", target.port)}
    # Threads of the door's own carry no frame of whoever asked.
    assert {files[0] for _address, files in found} == {"oci/egress/dial.py"}
