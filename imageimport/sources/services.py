"""Rules for sources: made, changed, taken away. A password goes nowhere but to the host that it was entered for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from accounts.sealed import Sealed
from imageimport.models import SourceMirror, SourceRule
from imageimport.registries import sources
from oci.egress.door import split_url
from oci.egress.own_endpoints import OwnEndpoints
from oci.egress.proxies import HostPattern, Proxy, Way, parse_way
from oci.errors import OciError
from oci.urls import Url
from projects import audit
from projects.locking import locked

#: More rules than this are no table that a person keeps in order.
MAX_RULES: Final = 200
MAX_MIRRORS: Final = 10
_PLAIN: Final = ("position", "mirrors_only", "private", "insecure")


def create(*, user: User | None, pattern: str, **values: Any) -> SourceRule:
    """Make a rule; at the end of the table where no ``position`` is given.

    :raises FieldErrors: on any field.
    :raises ApplicationError: ``too_many_rules``.
    """
    rule = SourceRule(created_by=user)
    with transaction.atomic():
        last = SourceRule.objects.order_by("-position").values_list("position", flat=True).first() or 0
        if SourceRule.objects.count() >= MAX_RULES:
            raise ApplicationError(
                "too_many_rules", gettext_noop("At most %(limit)s rules are allowed."), limit=MAX_RULES
            )
        _fill(rule, {"position": last + 1, **values, "pattern": pattern})
        audit.record("source.created", rule)
    sources.forget()
    return rule


def update(*, rule: SourceRule, changes: Mapping[str, Any]) -> SourceRule:
    """Change a rule. Without ``proxy_password`` it keeps the one it has, unless the proxy's host changes; so do its
    mirrors, unless the host or the user name changes.

    :raises FieldErrors: as :func:`create`.
    """
    with transaction.atomic():
        locked(rule)
        _fill(rule, changes)
        audit.record("source.changed", rule, changed=sorted(changes))
    sources.forget()
    return rule


def delete(*, rule: SourceRule) -> None:
    """Take a rule away."""
    with transaction.atomic():
        audit.record("source.deleted", rule)
        rule.delete()
    sources.forget()


def find(rule_id: UUID) -> sources.Rule:
    """A rule of the environment or of the portal, as it is now.

    :raises Http404: there is none.
    """
    sources.forget()
    found = next((rule for rule in sources.all_rules() if rule.id == rule_id), None)
    if found is None:
        raise Http404
    return found


def find_to_change(rule_id: UUID) -> SourceRule:
    """The row of a rule.

    :raises Http404: there is none.
    :raises ApplicationError: ``read_only``: the environment says it.
    """
    if find(rule_id).origin == "environment":
        raise ApplicationError(
            "read_only",
            gettext_noop(
                "This rule comes from the portal's environment variables and can only be changed there."
            ),
        )
    row = SourceRule.objects.filter(pk=rule_id).first()
    if row is None:
        raise Http404
    return row


def _fill(rule: SourceRule, values: Mapping[str, Any]) -> None:
    """Check and save; what is not given stays."""
    for name in _PLAIN:
        if name in values:
            setattr(rule, name, values[name])
    if "pattern" in values:
        rule.pattern = _pattern(values["pattern"]).text
    _set_proxy(rule, values)
    kept = [] if rule._state.adding else list(rule.mirrors.all())
    mirrors = _mirrors(values["mirrors"], kept) if "mirrors" in values else kept
    _check_whole(rule, mirrors)
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError:
        raise FieldErrors({"pattern": [_("A rule for this pattern already exists.")]}) from None
    if "mirrors" in values:
        rule.mirrors.all().delete()
        for position, mirror in enumerate(mirrors):
            mirror.rule, mirror.position, mirror.pk = rule, position, None
            mirror.save(force_insert=True)


def _pattern(text: str) -> HostPattern:
    try:
        return HostPattern.parse(text)
    except ValueError:
        raise FieldErrors(
            {
                "pattern": [
                    _(
                        "Enter a host such as ghcr.io, *.example.com or host:port, a network such as 10.1.0.0/16, "
                        "or *."
                    )
                ]
            }
        ) from None


def _set_proxy(rule: SourceRule, values: Mapping[str, Any]) -> None:
    before = _way(rule.proxy)
    password = values.get("proxy_password")
    if "proxy" in values:
        way = _way(values["proxy"].strip())
        rule.proxy = sources.shown_way(way) if values["proxy"].strip() else ""
        if not (isinstance(way, Proxy) and isinstance(before, Proxy) and way.name == before.name):
            rule.proxy_password = ""
        if isinstance(way, Proxy) and way.password and password is None:
            password = way.password
    if password is None:
        return
    if password and not isinstance(_way(rule.proxy), Proxy):
        raise FieldErrors({"proxy_password": [_("Enter the proxy this password is for.")]})
    if len(password.encode()) > 255:
        raise FieldErrors({"proxy_password": [_("A proxy password can have at most 255 bytes.")]})
    rule.proxy_password = password


def _way(text: str) -> Way:
    try:
        return parse_way(text, os.environ) if text else None
    except ValueError:
        raise FieldErrors(
            {
                "proxy": [
                    _(
                        "Enter http://host:port, socks5://host:port, socks5h://host:port, direct or environment. "
                        "A username goes before the host: http://user@host:port."
                    )
                ]
            }
        ) from None


def _mirrors(given: Sequence[Mapping[str, Any]], kept: Sequence[SourceMirror]) -> list[SourceMirror]:
    if len(given) > MAX_MIRRORS:
        raise FieldErrors(
            {"mirrors": [_("A rule can have at most %(limit)s mirrors.") % {"limit": MAX_MIRRORS}]}
        )
    made = []
    for each in given:
        text = each["url"].strip().rstrip("/")
        origin = _mirror_url(text).origin
        username = each.get("username", "")
        mine = [row for row in kept if (_mirror_url(row.url).origin, row.username) == (origin, username)]
        old = _kept_password(mine, text)
        password: Any = each["password"] if each.get("password") is not None else old
        if bool(password) != bool(username):
            raise FieldErrors({"mirrors": [_("Enter both a username and a password for the mirror.")]})
        made.append(SourceMirror(url=text, username=username, password=password))
    return made


def _kept_password(mirrors: Sequence[SourceMirror], url: str) -> Sealed:
    """The one that an account of a host has already; empty where several could be meant. Another path of the host is
    still the same mirror.
    """
    found = [mirror for mirror in mirrors if mirror.url == url] or mirrors
    return found[0].password if len(found) == 1 else Sealed("")


def _mirror_url(text: str) -> Url:
    try:
        url = split_url(text)
    except OciError as exc:
        raise FieldErrors({"mirrors": [sentence_of(exc)]}) from None
    if url.query or OwnEndpoints(settings.OWN_ENDPOINTS, lambda _host: ()).has_name(url.host, url.port):
        raise FieldErrors(
            {"mirrors": [_("%(url)s can't be used as a mirror.") % {"url": str(url)}]},
        )
    return url


def _check_whole(rule: SourceRule, mirrors: Sequence[SourceMirror]) -> None:
    if rule.mirrors_only and not mirrors:
        raise FieldErrors({"mirrors_only": [_("Enter a mirror first.")]})
    if mirrors and not HostPattern.parse(rule.pattern).is_one_host:
        # A mirror is told no registry: it would give one registry's image for another's of the same name.
        raise FieldErrors(
            {"mirrors": [_("A mirror is for one registry. Enter the registry's host as the pattern.")]}
        )
    if rule.pattern == "*":
        everything = [_("Enter the hosts that need this: allowing it for all would open the whole network.")]
        wide = {name: everything for name in ("private", "insecure") if getattr(rule, name)}
        if wide:
            raise FieldErrors(wide)
