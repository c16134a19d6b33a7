"""Puts an image that :mod:`stack.sample` made into a registry. Simple on purpose, and independent of the engine."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

from stack.sample import Blob, Image


class PushError(OSError):
    """The registry refused."""


def push_image(
    url: str, repository: str, tag: str | None, image: Image, *, headers: Mapping[str, str] | None = None
) -> str:
    """Push the blobs that are not there yet, the manifests, and the tag.

    :param url: ``http://host:port`` of the registry.
    :param headers: sent with each request, e.g. :func:`basic`.
    :returns: the digest that the tag names now.
    :raises PushError: the registry refused a request.
    """
    with _Pusher(url, repository, headers or {}) as pusher:
        for blob in image.all_blobs():
            pusher.blob(blob)
        for manifest in image.all_manifests():
            pusher.manifest(manifest, manifest.digest)
        if tag is not None:
            pusher.manifest(image.manifest, tag)
    return image.digest


def basic(username: str, password: str) -> dict[str, str]:
    """The header of HTTP's basic sign-in."""
    secret = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    return {"Authorization": f"Basic {secret}"}


class _Pusher:
    def __init__(self, url: str, repository: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._base = f"/v2/{repository}"
        self._headers = dict(headers)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def blob(self, blob: Blob) -> None:
        if self._ask("HEAD", f"{self._base}/blobs/{blob.digest}")[0] == 200:
            return
        status, location = self._ask("POST", f"{self._base}/blobs/uploads/")
        if status != 202:
            raise PushError(f"The registry answered {status} to a new upload.")
        url = urlsplit(urljoin(self._base, location))
        query = "&".join(filter(None, [url.query, urlencode({"digest": blob.digest})]))
        status, _ = self._ask("PUT", f"{url.path}?{query}", blob.data, "application/octet-stream")
        if status != 201:
            raise PushError(f"The registry answered {status} to the blob {blob.digest}.")

    def manifest(self, manifest: Blob, reference: str) -> None:
        status, _ = self._ask(
            "PUT", f"{self._base}/manifests/{reference}", manifest.data, manifest.media_type
        )
        if status != 201:
            raise PushError(f"The registry answered {status} to the manifest {reference}.")

    def _ask(
        self, method: str, path: str, body: bytes | None = None, media_type: str | None = None
    ) -> tuple[int, str]:
        headers = {**self._headers, **({"Content-Type": media_type} if media_type else {})}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        response.read()
        return response.status, response.getheader("Location", "")
