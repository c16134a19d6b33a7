"""hauler's content manifests: kinds Images, Charts and Files of ``content.hauler.cattle.io`` (docs.hauler.dev)."""

from __future__ import annotations

from typing import Any, Final

from portal_client.foreign.collecting import Collection, Wanted, platforms_of, split_reference
from portal_client.words import _

_GROUP: Final = "content.hauler.cattle.io/"
_ANNOTATION: Final = "hauler.dev/"
#: Fields and annotations that ask for a proof of who signed.
_PROOF: Final = frozenset(
    {"key", "certificate-identity", "certificate-identity-regexp", "certificate-oidc-issuer"}
)


def fits(found: dict[str, Any]) -> bool:
    """Its group of kinds."""
    return str(found.get("apiVersion", "")).startswith(_GROUP)


def read(found: dict[str, Any], into: Collection) -> None:
    """Images and charts."""
    spec = found.get("spec") or {}
    annotations = (found.get("metadata") or {}).get("annotations") or {}
    common = {
        str(name).removeprefix(_ANNOTATION): value
        for name, value in annotations.items()
        if str(name).startswith(_ANNOTATION)
    }
    match found.get("kind"):
        case "Images":
            for each in spec.get("images") or []:
                _image({**common, **each}, into)
        case "Charts":
            for each in spec.get("charts") or []:
                _chart(each, into)
        case kind:
            into.note(
                _("hauler's %(kind)s are left out: only images and charts are imported.") % {"kind": kind}
            )


def _image(found: dict[str, Any], into: Collection) -> None:
    name = str(found.get("name", ""))
    if found.get("registry") and "." not in name.partition("/")[0] and ":" not in name.partition("/")[0]:
        name = f"{found['registry']}/{name}"
    if _PROOF & set(found):
        into.note(_("%(name)s: signatures come along, and are not verified by this file.") % {"name": name})
    repository, tag, digest = split_reference(name)
    destination, destination_tag, _digest = split_reference(str(found.get("rewrite") or ""))
    tags = [tag] if tag else [] if digest else ["latest"]
    # A target that names no registry is a path below the one that hauler copies to.
    target = (
        f"hauler.invalid/{destination}"
        if destination and "." not in destination.partition("/")[0]
        else destination
    )
    into.add(
        Wanted(
            repository,
            tags=tags,
            digest=digest,
            target=target,
            target_tag=destination_tag,
            platforms=platforms_of(found),
        )
    )


def _chart(found: dict[str, Any], into: Collection) -> None:
    name, place, version = (str(found.get(key) or "") for key in ("name", "repoURL", "version"))
    if not place.startswith(("oci://", "https://", "http://")):
        into.note(
            _("Chart %(name)s is left out: its repository is not an address (oci://, https://).")
            % {"name": name}
        )
        return
    if not version:
        into.note(_("Chart %(name)s is left out: name its version.") % {"name": name})
        return
    place = place.removeprefix("oci://") if place.startswith("oci://") else f"helm+{place}"
    repository = f"{place.rstrip('/')}/{name}"
    into.add(Wanted(repository, tags=[version.replace("+", "_")]))
