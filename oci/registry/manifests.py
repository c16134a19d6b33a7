"""Manifests at a registry: asked for, fetched and checked, stored, deleted. One try each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.http.connection import Broken, Malformed, Response
from oci.limits import MANIFEST_BYTES
from oci.memory import bare, weight_of
from oci.registry.blobs import as_size
from oci.registry.faults import RetryableError, digest_differs
from oci.registry.session import Scopes, Session
from oci.spec.digest import digest_of, is_digest, parse_digest
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.media_types import ACCEPT_MANIFESTS, bare_type

#: Answers to HEAD of registries and proxies that know only GET.
_NO_HEAD: Final = frozenset({400, 405, 501})


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What a HEAD of a manifest told; ``digest`` is None and ``size`` -1 where the registry does not say."""

    digest: str | None
    media_type: str
    size: int


def head(session: Session, name: str, wanted: str, *, scopes: Scopes) -> ManifestHead | None:
    """None when it is not there; all empty when the registry does not answer HEAD."""
    response = _ask(session, "HEAD", name, wanted, scopes)
    if response.status == 404:
        return None
    elsewhere = response.url.origin != session.endpoint.base.origin
    if response.status in _NO_HEAD or (elsewhere and response.status == 403):
        return ManifestHead(None, "", -1)
    if response.status != 200:
        raise session.refusal(response, called(name, wanted))
    said = response.header("Docker-Content-Digest")
    return ManifestHead(
        said if is_digest(said) else None,
        bare_type(response.header("Content-Type")),
        as_size(response.header("Content-Length")),
    )


def find(session: Session, name: str, wanted: str, *, scopes: Scopes) -> Manifest | None:
    """The manifest, hashed and read strictly; None when it is not there."""
    response = _get(session, name, wanted, scopes)
    return _read(session, response, wanted) if response is not None else None


def shows(session: Session, name: str, wanted: str, body: bytes, *, scopes: Scopes) -> bool:
    """Whether the registry answers with exactly these bytes; they are not read again, only compared."""
    response = _get(session, name, wanted, scopes)
    if response is None:
        return False
    try:
        return response.read(len(body)) == body
    except OverflowError:
        return False
    except (Broken, Malformed) as error:
        raise session.endpoint.translated(error, response.url) from error


def put(session: Session, name: str, wanted: str, manifest: Manifest, *, scopes: Scopes) -> bool:
    """Store a manifest byte by byte as it is; whether the registry keeps referrers by itself.

    :raises Answered: with the registry's codes, where it refuses.
    """
    response = session.request(
        "PUT",
        session.url(f"/v2/{name}/manifests/{wanted}"),
        scopes=scopes,
        what=called(name, wanted),
        accept=(200, 201, 202, 204),
        headers=[("Content-Type", manifest.media_type)],
        body=manifest.body,
    )
    said, subject = response.header("Docker-Content-Digest"), response.header("OCI-Subject")
    response.discard()
    if (
        said is not None
        and is_digest(said)
        and said != digest_of(manifest.body, algorithm=parse_digest(said)[0])
    ):
        raise digest_differs(session.endpoint.host, manifest.digest, said)
    return bool(subject)


def delete(session: Session, name: str, wanted: str, *, scopes: Scopes) -> bool:
    """Delete by digest, or a tag where the registry can; False when it was not there."""
    response = session.request(
        "DELETE",
        session.url(f"/v2/{name}/manifests/{wanted}"),
        scopes=scopes,
        what=called(name, wanted),
        accept=(200, 202, 204, 404),
    )
    response.discard()
    return response.status != 404


def called(name: str, wanted: str) -> str:
    """A manifest's name in messages."""
    return f"{name}@{wanted}" if is_digest(wanted) else f"{name}:{wanted}"


def _ask(session: Session, method: str, name: str, wanted: str, scopes: Scopes) -> Response:
    url = session.url(f"/v2/{name}/manifests/{wanted}")
    return session.ask(method, url, scopes=scopes, headers=[("Accept", ACCEPT_MANIFESTS)])


def _get(session: Session, name: str, wanted: str, scopes: Scopes) -> Response | None:
    """The answer with a manifest in it; None when it is not there."""
    response = _ask(session, "GET", name, wanted, scopes)
    if response.status == 404:
        response.discard()
        return None
    if response.status != 200:
        raise session.refusal(response, called(name, wanted))
    return response


def _read(session: Session, response: Response, wanted: str) -> Manifest:
    try:
        with session.documents.reading(is_kept=session.endpoint.role == "source") as came:
            return _read_told(session, response, wanted, came)
    except RetryableError as again:
        bare(again.error)
        raise bare(again) from None
    except OciError as error:
        raise bare(error) from None


def _read_told(session: Session, response: Response, wanted: str, came: Callable[[int], None]) -> Manifest:
    content_type, said = response.header("Content-Type"), response.header("Docker-Content-Digest")
    host = session.endpoint.host
    try:
        body = response.read(MANIFEST_BYTES, came=came)
    except OverflowError:
        template = gettext_noop("The manifest at %(host)s is larger than %(limit)d bytes.")
        raise OciError("limit_exceeded", template, host=host, limit=MANIFEST_BYTES) from None
    except (Broken, Malformed) as error:
        raise session.endpoint.translated(error, response.url) from error
    session.documents.check(weight_of(body), is_kept=session.endpoint.role == "source")
    expected = wanted if is_digest(wanted) else None
    if expected is None and said is not None and is_digest(said):
        computed = digest_of(body, algorithm=parse_digest(said)[0])
        if computed != said:
            raise digest_differs(host, said, computed)
    try:
        return parse_manifest(body, content_type, expected_digest=expected)
    except OciError as error:
        if error.code == "digest_mismatch":
            raise RetryableError(error, tries=2) from error
        raise
