"""image-syncer's ``images`` and ``auth`` files, and its older one (AliyunContainerService/image-syncer, README)."""

from __future__ import annotations

import re
from typing import Any, Final

from portal_client.applying.desired import Secret
from portal_client.foreign import patterns
from portal_client.foreign.collecting import Collection, Wanted, split_reference
from portal_client.words import _

_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


def fits(found: dict[str, Any]) -> bool:
    """Goals by sources, accounts by registries, or both in one file."""
    if isinstance(found.get("images"), dict):
        return True
    if "apiVersion" in found or not found:
        return False  # many formats have texts at their top
    return all(_is_destination(each) or _is_account(each) for each in found.values())


def read(found: dict[str, Any], into: Collection) -> None:
    """Accounts first, whatever their order in the file: sources name theirs."""
    whole = found if isinstance(found.get("images"), dict) else {"images": found, "auth": found}
    for place, account in (whole.get("auth") or {}).items():
        if _is_account(account):
            into.account(str(place), _value(account["username"]).reveal(), _value(account["password"]))
            if account.get("insecure"):
                sentence = _(
                    "%(registry)s: plain HTTP, certificates and mirrors are configured by the administrator."
                )
                into.note(sentence % {"registry": place})
    for source, destinations in whole["images"].items():
        if _is_destination(destinations):
            _rule(str(source), [destinations] if isinstance(destinations, str) else destinations, into)


def _is_destination(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )


def _is_account(value: Any) -> bool:
    return isinstance(value, dict) and {"username", "password"} <= set(value)


def _value(text: Any) -> Secret:
    match = _VARIABLE.fullmatch(str(text))
    return Secret(env=match[1]) if match else Secret(text=str(text))


def _rule(source: str, destinations: list[str], into: Collection) -> None:
    repository, tags, digest = _split(source)
    rules: list[str] = []
    if tags.startswith("/") and tags.endswith("/") and len(tags) > 1:
        try:
            rules = patterns.globs_of(tags[1:-1], anchored=False)
        except patterns.Inexact:
            what = {"name": repository, "rules": tags}
            into.note(
                _("%(name)s: %(rules)s can't be expressed by names, globs or semver ranges and is left out.")
                % what
            )
            return
    elif tags:
        rules = tags.split(",")
    for destination in destinations:
        name, destination_tag, _digest = split_reference(destination)
        wanted = Wanted(repository, tags=list(rules), digest=digest, target=name, target_tag=destination_tag)
        if not rules and not digest:
            wanted.tags = ["*"]
        into.add(wanted)


def _split(source: str) -> tuple[str, str, str]:
    """Repository, what stands for tags (names or ``/regex/``), digest."""
    name, slash, regex = source.partition(":/")
    if slash:
        return name, f"/{regex}", ""
    return split_reference(source)
