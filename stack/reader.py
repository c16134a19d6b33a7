"""Reads an image back from a registry and checks every byte.

Independent of the engine: it must not share its mistakes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlencode

ACCEPT = ", ".join(
    f"application/vnd.{name}+json"
    for name in (
        *("oci.image.index.v1", "oci.image.manifest.v1"),
        *("docker.distribution.manifest.list.v2", "docker.distribution.manifest.v2"),
    )
)
CHUNK = 1024 * 1024
_PARAMETER = re.compile(r'(?<!\w)(\w+)="([^"]*)"')


class ReadError(Exception):
    """The image is not there, or not what its digests say."""


@dataclass
class ReadImage:
    """What was read: the digest that the tag names, and how much hangs on it."""

    digest: str
    manifests: int = 0
    blobs: int = 0
    bytes: int = 0


class Reader:
    """Reads from one registry, anonymously or with an account (basic, or a token from where the registry points)."""

    def __init__(self, url: str, *, username: str = "", password: str = "") -> None:
        self._url = url.rstrip("/")
        self._account = (username, password)
        self._authorization: dict[str, str] = {}
        # Never through a proxy of the environment: this reads what is on this machine.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def verify(self, repository: str, reference: str) -> ReadImage:
        """Read the manifest, everything below it and every blob, and compare each with its digest and size.

        :raises ReadError: something is missing or differs.
        """
        body = self._manifest(repository, reference)
        found = ReadImage(digest=f"sha256:{hashlib.sha256(body).hexdigest()}")
        if reference.startswith("sha256:") and reference != found.digest:
            raise ReadError(f"{reference} has the content of {found.digest}.")
        self._walk(repository, body, found, seen=set())
        return found

    def digest(self, repository: str, reference: str) -> str:
        """The digest of the bytes that the reference names.

        :raises ReadError: it is not there.
        """
        return f"sha256:{hashlib.sha256(self._manifest(repository, reference)).hexdigest()}"

    def _walk(self, repository: str, body: bytes, found: ReadImage, seen: set[str]) -> None:
        found.manifests += 1
        document = json.loads(body)
        for child in document.get("manifests", []):
            below = self._manifest(repository, child["digest"])
            _compare(child, f"sha256:{hashlib.sha256(below).hexdigest()}", len(below))
            self._walk(repository, below, found, seen)
        for blob in [*filter(None, [document.get("config")]), *document.get("layers", [])]:
            if blob["digest"] not in seen and not blob.get("urls"):
                seen.add(blob["digest"])
                self._blob(repository, blob, found)

    def _blob(self, repository: str, descriptor: dict[str, object], found: ReadImage) -> None:
        digest = str(descriptor["digest"])
        hasher, size = hashlib.new(digest.partition(":")[0]), 0
        with self._get(f"/v2/{repository}/blobs/{digest}", repository) as response:
            while chunk := response.read(CHUNK):
                hasher.update(chunk)
                size += len(chunk)
        _compare(descriptor, f"{hasher.name}:{hasher.hexdigest()}", size)
        found.blobs += 1
        found.bytes += size

    def _manifest(self, repository: str, reference: str) -> bytes:
        with self._get(f"/v2/{repository}/manifests/{reference}", repository) as response:
            return bytes(response.read())

    def _get(self, path: str, repository: str):  # type: ignore[no-untyped-def]  # urllib's response has no public type
        for last in (False, True):
            request = urllib.request.Request(
                self._url + path, headers={"Accept": ACCEPT, **self._authorization}
            )
            try:
                return self._open(request, timeout=60)
            except urllib.error.HTTPError as exc:
                if exc.code != 401 or last:
                    raise ReadError(f"{path}: the registry answered {exc.code}.") from exc
                self._authorization = self._sign_in(exc.headers.get("WWW-Authenticate", ""), repository)
            except OSError as exc:
                raise ReadError(f"{path}: {exc}") from exc
        raise AssertionError("the second try either returned or raised")

    def _sign_in(self, challenge: str, repository: str) -> dict[str, str]:
        basic = base64.b64encode(":".join(self._account).encode()).decode("ascii")
        if not challenge.lower().startswith("bearer"):
            return {"Authorization": f"Basic {basic}"}
        values = dict(_PARAMETER.findall(challenge))
        query = urlencode({"service": values.get("service", ""), "scope": f"repository:{repository}:pull"})
        headers = {"Authorization": f"Basic {basic}"} if self._account[0] else {}
        request = urllib.request.Request(f"{values['realm']}?{query}", headers=headers)
        try:
            with self._open(request, timeout=30) as response:
                return {"Authorization": f"Bearer {json.load(response)['token']}"}
        except (OSError, ValueError, KeyError) as exc:
            raise ReadError(f"No token from {values['realm']}: {exc}") from exc


def _compare(descriptor: dict[str, object], digest: str, size: int) -> None:
    if descriptor["digest"] != digest or descriptor["size"] != size:
        raise ReadError(
            f"{descriptor['digest']} of {descriptor['size']} bytes turned out to be {digest} of {size}."
        )
