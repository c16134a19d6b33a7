"""What pages show the same way everywhere: icons, sizes, times, digests, long names."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

register = template.Library()

_JOINTS = re.compile(r"(?<![-/._])([-/._]+)(?=\w)")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
#: English has no date format in Django that is short and free of "a.m."; Chinese has (``2026年11月24日 15:04``).
_ENGLISH_TIME = "j M Y H:i"


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, css: str = "") -> SafeString:
    """An icon of the sprite; decoration only, so a word must stand beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        static("vendor/icons.svg"),
        name,
    )


def mark(colour: str, name: str, words: object, shown: int | str = "") -> SafeString:
    """A chip beside a row of a list: an icon and perhaps a number; ``words`` on hover and for assistive technology."""
    return format_html(
        ' <span class="chip chip-mark num chip-{}" title="{}">{}<span aria-hidden="true">{}</span>'
        '<span class="visually-hidden">{}</span></span>',
        colour,
        words,
        icon(name),
        shown,
        words,
    )


@register.filter
def size(value: int | float | None) -> str:
    """Bytes in KiB, MiB, GiB: ``1.4 GiB``; three significant digits."""
    amount = float(value or 0)
    if amount < 1024:
        return f"{amount:.0f} B"
    unit = ""
    for unit in _UNITS:  # noqa: B007  # the last one is the one
        amount /= 1024
        if amount < 1023.5:
            break
    decimals = 0 if amount >= 100 else 1
    return f"{formats.number_format(round(amount, decimals), decimals)} {unit}"


@register.filter
def duration(seconds: int | float | None) -> str:
    """A span of time in its two largest units: ``3 min 20 s``."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return _("%(days)d d %(hours)d h") % {"days": days, "hours": hours}
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    if minutes:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
    return _("%(seconds)d s") % {"seconds": rest}


@register.filter
def exact(value: datetime | None) -> str:
    """A moment in full, in the reader's language and the server's zone."""
    if value is None:
        return ""
    local = timezone.localtime(value)
    english = (get_language() or "en").startswith("en")
    return formats.date_format(local, _ENGLISH_TIME if english else "DATETIME_FORMAT")


@register.simple_tag
def when(value: datetime | None) -> SafeString | str:
    """A moment relative to now, with the exact one on hover; the exact one where there are no scripts."""
    if value is None:
        return "–"
    shown = exact(value)
    return format_html(
        '<relative-time datetime="{}" title="{}" prefix="" threshold="P30D" data-exact>{}</relative-time>',
        value.isoformat(),
        f"{shown} {timezone.localtime(value):%Z}",
        shown,
    )


@register.simple_tag
def at(value: datetime | None) -> SafeString | str:
    """A moment as itself; scripts show it in the reader's zone."""
    if value is None:
        return "–"
    return format_html(
        '<time datetime="{}" data-local>{} {}</time>',
        value.isoformat(),
        exact(value),
        f"{timezone.localtime(value):%Z}",
    )


@register.filter
def short_digest(value: str) -> str:
    """``sha256:0123456789ab`` of a digest; the algorithm stays."""
    algorithm, colon, hexadecimal = value.partition(":")
    return f"{algorithm}:{hexadecimal[:12]}" if colon else value[:12]


@register.simple_tag
def digest(value: str, mark: object = "") -> SafeString:
    """A digest as every page shows it: shortened, whole on hover, and a button that copies the whole by any means.

    :param mark: tells the button's id from others where the page renews itself; empty: it has no id.
    """
    say = _("Copy digest")
    return format_html(
        '<span class="digest"><span class="mono" title="{}">{}</span><button type="button"'
        ' class="btn btn-quiet btn-small btn-icon-only" data-copy="{}"{} title="{}">{}'
        '<span class="visually-hidden">{}</span></button></span>',
        value,
        short_digest(value),
        value,
        format_html(' id="copy-{}"', mark) if mark != "" else "",
        say,
        icon("copy"),
        say,
    )


@register.filter
def breakable(value: str) -> SafeString:
    """A name that may break into lines after its slashes, dashes and dots, before it breaks within a word."""
    return mark_safe(_JOINTS.sub(r"\1<wbr>", escape(value)))  # noqa: S308 - escaped; what is added is ours


@register.simple_tag
def long(value: str, width: int = 48) -> SafeString:
    """A long name shortened in the middle, whole on hover and for assistive technology."""
    text = str(value)
    if len(text) <= width:
        return format_html('<bdi class="mono">{}</bdi>', text)
    head = (width - 1) * 3 // 5
    tail = width - 1 - head
    return format_html(
        '<bdi class="mono" title="{}"><span aria-hidden="true">{}…{}</span>'
        '<span class="visually-hidden">{}</span></bdi>',
        text,
        text[:head],
        text[-tail:],
        text,
    )


@register.filter
def count_images(number: int) -> str:
    return ngettext("%(number)d image", "%(number)d images", number) % {"number": number}


@register.filter
def count_imports(number: int) -> str:
    return ngettext("%(number)d import", "%(number)d imports", number) % {"number": number}


@register.filter
def get(mapping: dict[str, object], key: str) -> object:
    """A value of a mapping by a key that is itself a variable."""
    return mapping.get(key, "")
