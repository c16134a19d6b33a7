"""A source and a target that hold nothing: a layer of any size, made on the way and thrown away."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable

from oci.limits import MIB
from testbed.scripted_http import Reply, Request, ScriptedServer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PATTERN = bytes(range(256)) * 4096
CONFIG = b"{}"
#: A target that takes nothing more waits this long, in seconds.
PATIENCE = 300.0


class EndlessSource(ScriptedServer):
    """One image whose one layer has ``size`` bytes (a multiple of a MiB)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        running = hashlib.sha256()
        for _ in range(size // len(PATTERN)):
            running.update(PATTERN)
        self.layer = f"sha256:{running.hexdigest()}"
        config = f"sha256:{hashlib.sha256(CONFIG).hexdigest()}"
        empty = "application/vnd.oci.empty.v1+json"
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": empty, "digest": config, "size": len(CONFIG)},
            "layers": [{"mediaType": "application/octet-stream", "digest": self.layer, "size": size}],
        }
        self.manifest = json.dumps(document).encode()

    def handle(self, request: Request) -> Reply:
        if request.path == "/v2/":
            return Reply()
        if request.path.endswith(("/v1", f"{hashlib.sha256(self.manifest).hexdigest()}")):
            return Reply(headers=[("Content-Type", MANIFEST)], body=self.manifest)
        if "/blobs/" in request.path:
            return Reply(body=b"" if request.path.endswith(self.layer) else CONFIG)
        return Reply(404)

    def _write(self, connection: socket.socket, request: Request, reply: Reply) -> bool:
        if request.method == "GET" and request.path.endswith(self.layer):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size)
            for _ in range(self.size // len(PATTERN)):
                connection.sendall(PATTERN)
            return True
        return super()._write(connection, request, reply)


class SwallowingTarget(ScriptedServer):
    """Takes every upload and keeps only the count of bytes."""

    received = 0

    def read_body(self, request: Request, next_piece: Callable[[], bytes]) -> None:
        while piece := next_piece():
            self.received += len(piece)

    def handle(self, request: Request) -> Reply:
        if request.method == "POST":
            return Reply(202, [("Location", "/v2/team/app/blobs/uploads/1")])
        if request.method == "PUT":
            return Reply(201)
        return Reply(200 if request.path == "/v2/" else 404)


class RangedSource(EndlessSource):
    """Brings the whole slowly, and any part of it quickly."""

    #: Bytes of parts so far, roughly.
    sent = 0

    def _write(self, connection: socket.socket, request: Request, reply: Reply) -> bool:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if request.method != "GET" or not request.path.endswith(self.layer):
            return super()._write(connection, request, reply)
        if asked is None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size)
            for at in range(0, self.size, 64 * 1024):
                connection.sendall(PATTERN[at % MIB :][: 64 * 1024])
                time.sleep(0.03)
            return True
        start, end = int(asked[1]), int(asked[2]) + 1
        head = f"Content-Range: bytes {start}-{end - 1}/{self.size}\r\nContent-Length: {end - start}\r\n\r\n"
        connection.sendall(b"HTTP/1.1 206 Partial Content\r\n" + head.encode())
        while start < end:
            piece = PATTERN[start % MIB :][: end - start]
            connection.sendall(piece)
            start += len(piece)
            self.sent += len(piece)
        return True


class FullTarget(SwallowingTarget):
    """Takes a few megabytes of each layer, and then nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.full = threading.Event()

    def read_body(self, request: Request, next_piece: Callable[[], bytes]) -> None:
        while piece := next_piece():
            request.body_bytes += len(piece)
            if request.body_bytes > 6 * MIB:
                self.full.wait(PATIENCE)
