"""A registry whose content, sign-in and misbehaviour a test scripts, as a source or as a target.

    with ScriptedRegistry() as registry:
        registry.add_image("library/app", "v1", image)
        registry.rule("GET", "/blobs/", cut(1000), times=1)

Rules come first, in the order they were made; a rule is used up after ``times`` requests. What no rule takes
is answered as a registry should.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from stack.sample import Image
from testbed.scripted_acts import (
    Act,
    chunked,
    corrupt,
    cut,
    digest_of,
    drip,
    hang_up,
    redirect,
    refuse,
    stall,
    too_many,
    unauthorised_once,
)
from testbed.scripted_http import Hangup, Reply, Request, ScriptedServer

__all__ = [
    "Act",
    "Reply",
    "Repository",
    "Request",
    "Rule",
    "ScriptedRegistry",
    "SignsIn",
    "chunked",
    "corrupt",
    "cut",
    "digest_of",
    "drip",
    "hang_up",
    "redirect",
    "refuse",
    "stall",
    "too_many",
    "unauthorised_once",
]


class SignsIn(Protocol):
    """How the registry wants people to sign in; see :mod:`testbed.scripted_auth`."""

    def refuse(self, request: Request, needs: str) -> Reply | None: ...


@dataclass
class Rule:
    """Takes requests of a method (empty: any) whose path with query has a match of ``pattern``."""

    method: str
    pattern: re.Pattern[str]
    act: Act
    times: int | None = None
    used: int = 0

    def takes(self, request: Request) -> bool:
        if self.method and request.method != self.method:
            return False
        return self.pattern.search(request.path) is not None and (
            self.times is None or self.used < self.times
        )


@dataclass
class Repository:
    """``manifests`` by tag and digest: media type and bytes. ``uploads``: what each open session holds."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)


class ScriptedRegistry(ScriptedServer):
    """See the module. Content may be looked at and changed at any time; it is plain dictionaries.

    :param ranges: how Range requests for blobs are answered: ``right``, ``ignored`` (200), ``wrong`` (another
        start), ``unsatisfiable`` (416).
    :param referrers_api: whether there is one.
    :param sparse: whether an index may name children that are not there.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        sign_in: SignsIn | None = None,
        ranges: str = "right",
        referrers_api: bool = False,
        sparse: bool = False,
    ) -> None:
        super().__init__(host=host, tls=tls)
        self.sign_in = sign_in
        self.ranges = ranges
        self.referrers_api = referrers_api
        self.sparse = sparse
        self.repositories: dict[str, Repository] = {}
        self.rules: list[Rule] = []
        self.extra_headers: list[tuple[str, str]] = []
        #: Break off reading request bodies whose path matches, after so many bytes; each is used once.
        self.upload_cuts: list[tuple[str, int, str]] = []
        #: Answer by these bytes before reading the body of a request whose path matches; each is used once.
        self.early_answers: list[tuple[str, bytes]] = []
        #: Called with each PUT and PATCH before its body is read.
        self.before_body: Callable[[Request], None] = lambda _request: None
        self._content_lock = threading.RLock()
        self._sessions = 0

    # --- content -------------------------------------------------------------------------------------------

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def add_image(self, name: str, tag: str, image: Image) -> str:
        """Everything of an image; its digest."""
        repository = self.repository(name)
        repository.blobs |= {blob.digest: blob.data for blob in image.all_blobs()}
        for manifest in image.all_manifests():
            repository.manifests[manifest.digest] = (manifest.media_type, manifest.data)
        repository.manifests[tag] = (image.manifest.media_type, image.manifest.data)
        return image.digest

    def add_manifest(self, name: str, reference: str, body: bytes, media_type: str) -> str:
        """Bytes as a manifest, under a tag and their digest."""
        digest = digest_of(body)
        for key in (reference, digest):
            self.repository(name).manifests[key] = (media_type, body)
        return digest

    def add_blob(self, name: str, data: bytes) -> str:
        self.repository(name).blobs[digest_of(data)] = data
        return digest_of(data)

    # --- script --------------------------------------------------------------------------------------------

    def rule(self, method: str, pattern: str, act: Act | Reply, *, times: int | None = None) -> Rule:
        """Answer matching requests by ``act`` (or by one fixed reply), ``times`` times or always."""
        if isinstance(act, Reply):
            fixed = act
            act = lambda _request, _proceed: replace(fixed)  # noqa: E731
        made = Rule(method, re.compile(pattern), act, times)
        self.rules.append(made)
        return made

    def read_body(self, request: Request, next_piece: Callable[[], bytes]) -> None:
        if request.method in ("PUT", "PATCH"):
            self.before_body(request)
        early = next((each for each in self.early_answers if re.search(each[0], request.path)), None)
        if early is not None and request.method in ("PUT", "PATCH"):
            self.early_answers.remove(early)
            raise Hangup("end", early[1])
        cut = next((each for each in self.upload_cuts if re.search(each[0], request.path)), None)
        if cut is None or request.method not in ("PUT", "PATCH"):
            super().read_body(request, next_piece)
            return
        self.upload_cuts.remove(cut)
        while request.body_bytes < cut[1] and (piece := next_piece()):
            request.body_bytes += len(piece)
            request.body += piece
        if cut[2] != "lost":
            self._keep_upload(request)
        raise Hangup("reset" if cut[2] == "lost" else cut[2])

    def _keep_upload(self, request: Request) -> None:
        match = _UPLOAD.fullmatch(request.path)
        if match:
            with self._content_lock:
                self.repository(match["name"]).uploads.setdefault(match["id"], bytearray()).extend(
                    request.body
                )

    def handle(self, request: Request) -> Reply:
        with self._content_lock:
            rule = next((each for each in self.rules if each.takes(request)), None)
            if rule is not None:
                rule.used += 1
        if rule is not None:
            return rule.act(request, lambda: self.answer(request))
        return self.answer(request)

    def answer(self, request: Request) -> Reply:
        """As a registry should."""
        refusal = self.sign_in.refuse(request, _needs(request)) if self.sign_in else None
        if refusal is not None:
            return refusal
        with self._content_lock:
            reply = self._route(request)
        reply.headers += self.extra_headers
        return reply

    def _route(self, request: Request) -> Reply:
        if request.path == "/v2/":
            return Reply(body=b"{}")
        for pattern, serve in (
            (_UPLOAD, self._upload),
            (_START, self._start_upload),
            (_BLOB, self._blob),
            (_MANIFEST, self._manifest),
            (_TAGS, self._tags),
            (_REFERRERS, self._referrers),
        ):
            match = pattern.fullmatch(request.path)
            if match:
                return serve(request, self.repository(match["name"]), **match.groupdict())
        return refuse(404, "NOT_FOUND")

    # --- what a registry does ------------------------------------------------------------------------------

    def _manifest(self, request: Request, repository: Repository, *, name: str, reference: str) -> Reply:
        if request.method == "PUT":
            return self._put_manifest(request, repository, name, reference)
        if request.method == "DELETE":
            return Reply(202 if repository.manifests.pop(reference, None) else 404)
        found = repository.manifests.get(reference)
        if found is None:
            return refuse(404, "MANIFEST_UNKNOWN")
        media_type, body = found
        digest = reference if ":" in reference else digest_of(body)
        headers = [("Content-Type", media_type), ("Docker-Content-Digest", digest)]
        return Reply(headers=headers, body=body)

    def _put_manifest(self, request: Request, repository: Repository, name: str, reference: str) -> Reply:
        document = json.loads(request.body)
        blobs = [*filter(None, [document.get("config")]), *document.get("layers", [])]
        missing = [each["digest"] for each in blobs if each["digest"] not in repository.blobs]
        missing = [digest for digest in missing if not _is_foreign(document, digest)]
        if not self.sparse:
            missing += [
                each["digest"]
                for each in document.get("manifests", [])
                if each["digest"] not in repository.manifests
            ]
        if missing:
            return refuse(400, "MANIFEST_BLOB_UNKNOWN", detail={"digest": missing[0]})
        digest = digest_of(request.body)
        for key in (reference, digest):
            repository.manifests[key] = (request.headers.get("content-type", ""), request.body)
        headers = [("Docker-Content-Digest", digest), ("Location", f"/v2/{name}/manifests/{digest}")]
        if self.referrers_api and document.get("subject"):
            headers.append(("OCI-Subject", document["subject"]["digest"]))
        return Reply(201, headers)

    def _blob(self, request: Request, repository: Repository, *, name: str, digest: str) -> Reply:
        data = repository.blobs.get(digest)
        if data is None:
            return refuse(404, "BLOB_UNKNOWN")
        headers = [("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", digest)]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if wanted is None or self.ranges == "ignored":
            return Reply(headers=headers, body=data)
        start = int(wanted[1]) + (1 if self.ranges == "wrong" else 0)
        end = min(int(wanted[2]) if wanted[2] else len(data) - 1, len(data) - 1)
        if self.ranges == "unsatisfiable" or start >= len(data):
            return Reply(416, [("Content-Range", f"bytes */{len(data)}")])
        headers.append(("Content-Range", f"bytes {start}-{end}/{len(data)}"))
        return Reply(206, headers, data[start : end + 1])

    def _start_upload(self, request: Request, repository: Repository, *, name: str) -> Reply:
        mount, source = request.asked("mount"), request.asked("from")
        if mount and mount in self.repository(source).blobs:
            repository.blobs[mount] = self.repository(source).blobs[mount]
            return Reply(201, [("Location", f"/v2/{name}/blobs/{mount}"), ("Docker-Content-Digest", mount)])
        self._sessions += 1
        session = f"session-{self._sessions}"
        repository.uploads[session] = bytearray()
        return Reply(202, [("Location", self._location(name, session)), ("Range", "0-0")])

    def _upload(self, request: Request, repository: Repository, *, name: str, id: str) -> Reply:
        held = repository.uploads.get(id)
        if held is None:
            return refuse(404, "BLOB_UPLOAD_UNKNOWN")
        headers = [("Location", self._location(name, id))]
        if request.method == "DELETE":
            del repository.uploads[id]
            return Reply(204)
        if request.method in ("PATCH", "PUT"):
            content_range = re.fullmatch(r"(\d+)-(\d+)", request.headers.get("content-range", ""))
            if content_range and int(content_range[1]) != len(held):
                return Reply(416, [*headers, ("Range", f"0-{max(len(held) - 1, 0)}")])
            held.extend(request.body)
        headers.append(("Range", f"0-{max(len(held) - 1, 0)}"))
        if request.method != "PUT":
            return Reply(204 if request.method == "GET" else 202, headers)
        digest = request.asked("digest")
        if digest_of(bytes(held), digest.partition(":")[0]) != digest:
            return refuse(400, "DIGEST_INVALID")
        repository.blobs[digest] = bytes(held)
        del repository.uploads[id]
        return Reply(201, [("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)])

    def _location(self, name: str, session: str) -> str:
        return f"{self.url}/v2/{name}/blobs/uploads/{session}?_state=a%2Fb%3D"

    def _tags(self, request: Request, repository: Repository, *, name: str) -> Reply:
        tags = sorted(each for each in repository.manifests if ":" not in each)
        count, last = int(request.asked("n") or "1000"), request.asked("last")
        page = [tag for tag in tags if tag > last][:count]
        headers = [("Content-Type", "application/json")]
        if page and page[-1] != tags[-1]:
            headers.append(("Link", f'</v2/{name}/tags/list?n={count}&last={page[-1]}>; rel="next"'))
        return Reply(headers=headers, body=json.dumps({"name": name, "tags": page}).encode())

    def _referrers(self, request: Request, repository: Repository, *, name: str, digest: str) -> Reply:
        if not self.referrers_api:
            return refuse(404, "NOT_FOUND")
        entries = []
        for key, (media_type, body) in repository.manifests.items():
            document = _object(body)
            if ":" in key and (document.get("subject") or {}).get("digest") == digest:
                entry = {"mediaType": media_type, "digest": key, "size": len(body)}
                entries.append(entry | {"artifactType": document.get("artifactType", "")})
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        return Reply(headers=[("Content-Type", INDEX)], body=json.dumps(index).encode())


INDEX = "application/vnd.oci.image.index.v1+json"
_NAME = r"/v2/(?P<name>[a-z0-9._/-]+)"
_MANIFEST = re.compile(rf"{_NAME}/manifests/(?P<reference>[^/]+)")
_START = re.compile(rf"{_NAME}/blobs/uploads/")
_UPLOAD = re.compile(rf"{_NAME}/blobs/uploads/(?P<id>[^/]+)")
_BLOB = re.compile(rf"{_NAME}/blobs/(?P<digest>[a-z0-9]+:[0-9a-f]+)")
_TAGS = re.compile(rf"{_NAME}/tags/list")
_REFERRERS = re.compile(rf"{_NAME}/referrers/(?P<digest>[a-z0-9]+:[0-9a-f]+)")


def _needs(request: Request) -> str:
    """The scope that a request needs; empty for ``/v2/``."""
    match = re.match(rf"{_NAME}/(?:manifests|blobs|tags|referrers)/", request.path)
    if match is None:
        return ""
    actions = "pull" if request.method in ("GET", "HEAD") else "pull,push"
    return f"repository:{match['name']}:{actions}"


def _is_foreign(document: dict[str, list[dict[str, str]]], digest: str) -> bool:
    return any(each["digest"] == digest and each.get("urls") for each in document.get("layers", []))


def _object(body: bytes) -> dict[str, Any]:
    """A manifest's own object; empty for what is none, which refers to nothing."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
