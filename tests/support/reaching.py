"""What in a Python file could open a connection, told from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

#: Modules that open connections, or run programs and code that could.
REACHING: Final = frozenset(
    {
        *(
            "socket",
            "_socket",
            "ssl",
            "asyncio",
            "socketserver",
            "selectors",
            "http",
            "urllib.request",
            "xmlrpc",
        ),
        *(
            "ftplib",
            "smtplib",
            "imaplib",
            "poplib",
            "nntplib",
            "telnetlib",
            "multiprocessing",
            "subprocess",
            "pty",
        ),
        *(
            "requests",
            "urllib3",
            "httpx",
            "httpcore",
            "aiohttp",
            "websocket",
            "websockets",
            "pycurl",
            "paramiko",
        ),
        *(
            "docker",
            "redis",
            "valkey",
            "psycopg",
            "kombu",
            "amqp",
            "gevent",
            "eventlet",
            "trio",
            "anyio",
            "twisted",
        ),
        *(
            "sentry_sdk",
            "opentelemetry",
            "boto3",
            "botocore",
            "dns",
            "dnslib",
            "ctypes",
            "importlib",
            "runpy",
        ),
        *("django.core.mail", "allauth.socialaccount.adapter"),
    }
)
#: Of these modules only the named calls count; the rest are constants, types and exceptions.
CALLS: Final = {
    "socket": frozenset({"gethostname"}),
    "http": frozenset({"HTTPStatus"}),
    "http.client": frozenset({"HTTPResponse", "BadStatusLine", "RemoteDisconnected"}),
}
#: What opens a connection also where it is only named, to be called elsewhere or under another name.
OPENERS: Final = frozenset(
    {
        *("socket.create_connection", "socket.create_server", "socket.fromfd", "socket.socketpair"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyname_ex", "socket.SocketType"),
        *("http.client.HTTPConnection", "http.client.HTTPSConnection"),
    }
)
#: Functions that run code or programs which no import tells of.
RUNNING: Final = frozenset({"eval", "exec", "__import__", "compile"})
_OS: Final = ("system", "popen", "exec", "spawn", "posix_spawn", "fork")


def reaches(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything that could open a connection."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.partition(".")[0]
                names[each.asname or top] = each.name if each.asname else top
                if _is_reaching(each.name) and each.name not in CALLS:
                    yield node.lineno, each.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for each in node.names:
                full = f"{node.module}.{each.name}"
                names[each.asname or each.name] = full
                if _is_reaching(full) and full not in CALLS:
                    yield node.lineno, full
    called_here = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in called_here:
            if (named := _dotted(node, names)) in OPENERS:
                yield node.lineno, named
        elif isinstance(node, ast.Call):
            called = _dotted(node.func, names)
            module, _, function = called.rpartition(".")
            opens = module in CALLS and function not in CALLS[module]
            if opens or called in RUNNING or (module == "os" and function.startswith(_OS)):
                yield node.lineno, f"{called}()"
            elif function == "connect_ex":
                yield node.lineno, "connect_ex()"


def _is_reaching(name: str) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:length]) in REACHING for length in range(1, len(parts) + 1))


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """``socket.create_connection`` for whatever the file calls it; a method of something else keeps its last name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value, names)
        return f"{before}.{node.attr}"
    return "?"
