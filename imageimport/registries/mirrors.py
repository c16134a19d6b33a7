"""The operator's mirrors of registries, as ``IMPORT_REGISTRY_MIRRORS`` names them; and ``IMPORT_MIRRORS_ONLY``."""

from __future__ import annotations

import re

from django.core.exceptions import ImproperlyConfigured

from imageimport.registries.names import registry_name
from oci.egress.door import split_url
from oci.errors import OciError

#: Of the last ``@`` in an authority, all that stands before it.
_USERINFO = re.compile(r"(?<![^/,;=])[^/,;=]*@")


def read_mirrors(text: str) -> dict[str, tuple[str, ...]]:
    """``docker.io=https://a,https://b;ghcr.io=http://c:5000`` as registry to mirror URLs, in order.

    :raises ImproperlyConfigured: an entry names no registry, or something that is no plain http(s) URL.
    """
    result: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        registry, _, urls = entry.partition("=")
        found = tuple(url.strip().rstrip("/") for url in urls.split(",") if url.strip())
        if not registry.strip() or not found:
            raise ImproperlyConfigured(
                f"IMPORT_REGISTRY_MIRRORS: {_without_userinfo(entry)!r} should read "
                "registry=https://mirror[,https://other]."
            )
        for url in found:
            _check_mirror(url)
        result[_registry("IMPORT_REGISTRY_MIRRORS", registry)] = found
    return result


def read_mirrors_only(text: str) -> list[str]:
    """``docker.io,registry.example:5000`` as names of registries.

    :raises ImproperlyConfigured: an entry names none. It would match nothing, and what it means would be contacted.
    """
    return [_registry("IMPORT_MIRRORS_ONLY", entry) for entry in text.split(",") if entry.strip()]


def _registry(variable: str, text: str) -> str:
    try:
        return registry_name(text.strip())
    except OciError:
        raise ImproperlyConfigured(
            f"{variable}: {_without_userinfo(text.strip())!r} is not a registry. Write its host, with a port where it "
            "has one of its own, such as docker.io or registry.example.com:5000."
        ) from None


def _check_mirror(url: str) -> None:
    shown = _without_userinfo(url)
    if shown != url:
        raise ImproperlyConfigured(
            f"IMPORT_REGISTRY_MIRRORS: {shown!r} has a user name or password in it. Mirrors are asked anonymously; "
            "put one that needs a sign-in behind a proxy that signs in, or import from it by its own name."
        )
    try:
        split_url(url)
    except OciError as exc:
        raise ImproperlyConfigured(f"IMPORT_REGISTRY_MIRRORS: {url!r} can't be a mirror. {exc}") from None


def _without_userinfo(text: str) -> str:
    """Whatever stands before an ``@`` in an authority, taken out: it may be a password."""
    return _USERINFO.sub("", text)
