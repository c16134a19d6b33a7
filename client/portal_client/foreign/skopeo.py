"""``skopeo sync --src yaml``: docs/skopeo-sync.1.md of containers/skopeo."""

from __future__ import annotations

from typing import Any, Final

from portal_client.applying.desired import Secret
from portal_client.foreign import patterns
from portal_client.foreign.collecting import Collection, Wanted
from portal_client.words import _

_LISTS: Final = frozenset({"images", "images-by-tag-regex", "images-by-semver"})


def fits(found: dict[str, Any]) -> bool:
    """Every key is a registry with lists of images."""
    return bool(found) and all(isinstance(each, dict) and _LISTS & set(each) for each in found.values())


def read(found: dict[str, Any], into: Collection) -> None:
    """Registries with their images."""
    for registry, each in found.items():
        if account := each.get("credentials"):
            into.account(registry, str(account["username"]), Secret(text=str(account["password"])))
        if each.get("tls-verify") is False or each.get("cert-dir"):
            sentence = _(
                "%(registry)s: plain HTTP, certificates and mirrors are configured by the administrator."
            )
            into.note(sentence % {"registry": registry})
        for name, references in (each.get("images") or {}).items():
            _listed(f"{registry}/{name}", [str(one) for one in references or []], into)
        for name, regex in (each.get("images-by-tag-regex") or {}).items():
            _by_regex(f"{registry}/{name}", str(regex), into)
        for name, ranges in (each.get("images-by-semver") or {}).items():
            alternatives = ranges if isinstance(ranges, list) else [ranges]
            into.add(Wanted(f"{registry}/{name}", tags=[f"semver:{one}" for one in alternatives]))


def _listed(repository: str, references: list[str], into: Collection) -> None:
    """Tags and digests; where there are none, all tags."""
    tags = [one for one in references if ":" not in one]
    if tags or not references:
        into.add(Wanted(repository, tags=tags or ["*"]))
    for digest in (one for one in references if ":" in one):
        into.add(Wanted(repository, digest=digest))


def _by_regex(repository: str, regex: str, into: Collection) -> None:
    try:
        into.add(Wanted(repository, tags=patterns.globs_of(regex, anchored=False)))
    except patterns.Inexact:
        what = {"name": repository, "rules": regex}
        into.note(
            _("%(name)s: %(rules)s can't be expressed by names, globs or semver ranges and is left out.")
            % what
        )
