"""Manifests at a registry: asked for, fetched and checked, stored, deleted. One try each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.limits import MANIFEST_BYTES
from oci.memory import bare, cost_of
from oci.registry.blobs import as_size
from oci.registry.faults import RetryableError, digest_differs
from oci.registry.moments import of_http
from oci.registry.session import Scopes, Session
from oci.spec.digest import digest_of, is_digest, parse_digest
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.media_types import ACCEPT_MANIFESTS, bare_type

#: Answers to HEAD of registries and proxies that know only GET.
_NO_HEAD: Final = frozenset({400, 405, 501})


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What a HEAD of a manifest told; ``digest`` is None and ``size`` -1 where the registry does not say.

    :param modified_at: as few registries say it.
    """

    digest: str | None
    media_type: str
    size: int
    modified_at: dt.datetime | None = None


def head(session: Session, name: str, reference: str, *, scopes: Scopes) -> ManifestHead | None:
    """None when it is not there; all empty when the registry does not answer HEAD."""
    response = _ask(session, "HEAD", name, reference, scopes)
    if response.status == 404:
        return None
    elsewhere = response.url.origin != session.endpoint.base.origin
    if response.status in _NO_HEAD or (elsewhere and response.status == 403):
        return ManifestHead(None, "", -1)
    if response.status != 200:
        raise session.refusal(response, called(name, reference))
    declared = response.header("Docker-Content-Digest")
    return ManifestHead(
        declared if is_digest(declared) else None,
        bare_type(response.header("Content-Type")),
        as_size(response.header("Content-Length")),
        of_http(response.header("Last-Modified")),
    )


def find(session: Session, name: str, reference: str, *, scopes: Scopes) -> Manifest | None:
    """The manifest, hashed and read strictly; None when it is not there."""
    response = _get(session, name, reference, scopes)
    return _read(session, response, reference) if response is not None else None


def shows(session: Session, name: str, reference: str, body: bytes, *, scopes: Scopes) -> bool:
    """Whether the registry answers with exactly these bytes; they are not read again, only compared."""
    response = _get(session, name, reference, scopes)
    if response is None:
        return False
    try:
        return response.read(len(body)) == body
    except OverflowError:
        return False
    except (ConnectionBroken, ProtocolError) as error:
        raise session.endpoint.translated(error, response.url) from error


def put(session: Session, name: str, reference: str, manifest: Manifest, *, scopes: Scopes) -> bool:
    """Store a manifest byte by byte as it is; whether the registry keeps referrers by itself.

    :raises RegistryError: with the registry's codes, where it refuses.
    """
    response = session.ask(
        "PUT",
        session.url(f"/v2/{name}/manifests/{reference}"),
        scopes=scopes,
        headers=[("Content-Type", manifest.media_type)],
        body=manifest.body,
    )
    session.accepted(response, called(name, reference), 200, 201, 202, 204)
    declared, subject = response.header("Docker-Content-Digest"), response.header("OCI-Subject")
    response.discard()
    if (
        declared is not None
        and is_digest(declared)
        and declared != digest_of(manifest.body, algorithm=parse_digest(declared)[0])
    ):
        raise digest_differs(session.endpoint.host, manifest.digest, declared)
    return bool(subject)


def delete(session: Session, name: str, reference: str, *, scopes: Scopes) -> bool:
    """Delete by digest, or a tag where the registry can; False when it was not there."""
    response = session.ask("DELETE", session.url(f"/v2/{name}/manifests/{reference}"), scopes=scopes)
    session.accepted(response, called(name, reference), 200, 202, 204, 404)
    response.discard()
    return response.status != 404


def called(name: str, reference: str) -> str:
    """A manifest's name in messages."""
    return f"{name}@{reference}" if is_digest(reference) else f"{name}:{reference}"


def _ask(session: Session, method: str, name: str, reference: str, scopes: Scopes) -> Response:
    url = session.url(f"/v2/{name}/manifests/{reference}")
    return session.ask(method, url, scopes=scopes, headers=[("Accept", ACCEPT_MANIFESTS)])


def _get(session: Session, name: str, reference: str, scopes: Scopes) -> Response | None:
    """The answer with a manifest in it; None when it is not there."""
    response = _ask(session, "GET", name, reference, scopes)
    if response.status == 404:
        response.discard()
        return None
    if response.status != 200:
        raise session.refusal(response, called(name, reference))
    return response


def _read(session: Session, response: Response, reference: str) -> Manifest:
    try:
        with session.documents.reading(is_kept=session.endpoint.role == "source") as came:
            return _read_told(session, response, reference, came)
    except RetryableError as again:
        bare(again.error)
        raise bare(again) from None
    except OciError as error:
        raise bare(error) from None


def _read_told(session: Session, response: Response, reference: str, came: Callable[[int], None]) -> Manifest:
    content_type, declared = response.header("Content-Type"), response.header("Docker-Content-Digest")
    host = session.endpoint.host
    try:
        body = response.read(MANIFEST_BYTES, came=came)
    except OverflowError:
        template = gettext_noop("The manifest from %(host)s is larger than %(limit)d bytes.")
        raise OciError("limit_exceeded", template, host=host, limit=MANIFEST_BYTES) from None
    except (ConnectionBroken, ProtocolError) as error:
        raise session.endpoint.translated(error, response.url) from error
    session.documents.check(cost_of(body), is_kept=session.endpoint.role == "source")
    expected = reference if is_digest(reference) else None
    if expected is None and declared is not None and is_digest(declared):
        computed = digest_of(body, algorithm=parse_digest(declared)[0])
        if computed != declared:
            raise digest_differs(host, declared, computed)
    try:
        return parse_manifest(body, content_type, expected_digest=expected)
    except OciError as error:
        if error.code == "digest_mismatch":
            raise RetryableError(error, tries=2) from error
        raise
