"""regsync's configuration: https://regclient.org/usage/regsync (docs/regsync.md of regclient/regclient)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from portal_client.applying.desired import Secret
from portal_client.foreign import patterns
from portal_client.foreign.collecting import Collection, Wanted, platforms_of, split_reference
from portal_client.words import _

_TEMPLATE: Final = re.compile(r"""\{\{\s*(env|file)\s+["`]([^"`]+)["`]\s*\}\}""")
#: What the portal does in its own way, or leaves to its administrator.
_ELSEWHERE: Final = {
    "backup": _("backup: the portal keeps earlier digests of a tag and can restore them."),
    "hooks": _("hooks: add webhooks to the project."),
    "mediaTypes": _("mediaTypes: the portal takes every media type."),
}


def fits(found: dict[str, Any]) -> bool:
    """It has steps of syncing."""
    return isinstance(found.get("sync"), list)


def read(found: dict[str, Any], into: Collection) -> None:
    """Its steps as schedules, or as imports where no time is known."""
    for each in found.get("creds") or []:
        _credential(each, into)
    defaults = found.get("defaults") or {}
    for step in found["sync"]:
        for name, sentence in _ELSEWHERE.items():
            if name in step or name in defaults:
                into.note(sentence)
        _step({**defaults, **step}, into)


def _credential(found: dict[str, Any], into: Collection) -> None:
    registry = str(found.get("registry", ""))
    if found.get("credHelper"):
        into.note(
            _("%(registry)s: programs that fetch credentials do not run in the portal.")
            % {"registry": registry}
        )
    if found.get("tls") in ("insecure", "disabled") or found.get("regcert"):
        sentence = _(
            "%(registry)s: plain HTTP, certificates and mirrors are configured by the administrator."
        )
        into.note(sentence % {"registry": registry})
    if found.get("user") and found.get("pass"):
        user, password = _secret(str(found["user"])), _secret(str(found["pass"]))
        if user is None or password is None:
            into.note(_("%(registry)s: its template can't be read here.") % {"registry": registry})
        else:
            into.account(registry, user.reveal(), password)


def _secret(text: str) -> Secret | None:
    """A value, perhaps from a variable or a file; None for other templates."""
    if match := _TEMPLATE.fullmatch(text.strip()):
        return Secret(env=match[2]) if match[1] == "env" else Secret(file=Path(match[2]))
    return None if "{{" in text else Secret(text=text)


def _step(step: dict[str, Any], into: Collection) -> None:
    source, target = str(step.get("source", "")), str(step.get("target", ""))
    if "{{" in source + target or "ocidir://" in source + target:
        into.note(_("%(name)s: templates and directories are left out.") % {"name": source})
        return
    if step.get("type") == "registry":
        into.note(_("%(name)s: a whole registry is left out; name its repositories.") % {"name": source})
        return
    repository, tag, digest = split_reference(source)
    destination, destination_tag, _digest = split_reference(target)
    cron = _cron(step, source, into)
    wanted = Wanted(repository, digest=digest, target=destination, platforms=platforms_of(step), cron=cron)
    if step.get("type") == "image":
        wanted.tags = [tag] if tag or digest else ["latest"]
        wanted.tags = [each for each in wanted.tags if each]
        wanted.target_tag = destination_tag
        into.add(wanted)
    elif _choose(step.get("tags") or {}, wanted, into):
        into.add(wanted)


def _choose(tags: dict[str, Any], wanted: Wanted, into: Collection) -> bool:
    """The rules for tags; False where nothing that may be taken is left."""
    lost: list[str] = []
    for regex in tags.get("allow") or []:
        try:
            wanted.tags += patterns.globs_of(str(regex), anchored=True)
        except patterns.Inexact:
            lost.append(str(regex))
    wanted.tags += [f"semver:{each}" for each in tags.get("semverRange") or []]
    if lost:
        what = {"name": wanted.repository, "rules": ", ".join(lost)}
        into.note(
            _("%(name)s: %(rules)s can't be expressed by names, globs or semver ranges and is left out.")
            % what
        )
    if not wanted.tags and lost:
        return False
    try:
        for regex in tags.get("deny") or []:
            wanted.exclude += patterns.globs_of(str(regex), anchored=True, to_leave_out=True)
    except patterns.Inexact as exc:
        what = {"name": wanted.repository, "rules": str(exc)}
        into.note(
            _("%(name)s: the exclusion %(rules)s can't be expressed, so the whole entry is left out.") % what
        )
        return False
    return True


def _cron(step: dict[str, Any], source: str, into: Collection) -> str:
    if step.get("schedule"):
        return str(step["schedule"])
    if not step.get("interval"):
        return ""
    try:
        cron, exact = patterns.cron_of(str(step["interval"]))
    except ValueError:
        into.note(
            _("%(name)s: %(interval)s is not an interval.") % {"name": source, "interval": step["interval"]}
        )
        return ""
    if not exact:
        what = {"name": source, "interval": step["interval"], "cron": cron}
        into.note(_("%(name)s: every %(interval)s becomes the cron line %(cron)s.") % what)
    return cron
