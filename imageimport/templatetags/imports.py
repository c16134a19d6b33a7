"""How imports are shown: status, stage, bytes, reasons, and what can be done about a failure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from imageimport import selectors
from imageimport.choices import STATUS_LOOKS, LayerState, Outcome, Stage, Status
from imageimport.messages import shown
from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from imageimport.schedules.cron_words import in_words
from oci.registry.faults import RATE_LIMITED, RATE_LIMITED_LONG
from projects.pull_commands import command_for
from projects.templatetags.portal import duration, exact, icon, size

register = template.Library()

_ICONS: Final = {"loader": "loader-2"}

_LAYER_LOOKS: Final = {
    LayerState.WAITING: ("secondary", "clock"),
    LayerState.EXISTS: ("green", "database"),
    LayerState.MOUNTED: ("green", "link"),
    LayerState.COPYING: ("blue", "loader-2"),
    LayerState.DONE: ("green", "check"),
    LayerState.FAILED: ("red", "x"),
}

_OUTCOME_LOOKS: Final = {
    Outcome.RUNNING: ("blue", "loader-2"),
    Outcome.SUCCESS: ("green", "check"),
    Outcome.FAILED: ("red", "x"),
    Outcome.CANCELED: ("secondary", "ban"),
    Outcome.HANDED_BACK: ("secondary", "rotate-clockwise"),
    Outcome.LOST: ("orange", "plug-connected-x"),
    Outcome.WAITING: ("orange", "hourglass"),
}

#: What a reader can do about a failure, by its code.
ADVICE: Final = {
    "invalid_reference": gettext_noop("Check the spelling of the reference."),
    "blocked_address": gettext_noop("The operator decides which private addresses may be a source."),
    "unauthorized": gettext_noop(
        "Give a username and password, or choose a saved credential, and import it again."
    ),
    "forbidden": gettext_noop("The account may not read this image. Ask its owner for access."),
    "not_found": gettext_noop("Check name and tag. A private image also needs a username and password."),
    "rate_limited": gettext_noop("Retry later, or use an account with a higher limit."),
    "unreachable": gettext_noop(
        "Retry later. If other registries fail too, this server may have no internet access or DNS; an administrator "
        "can set a mirror."
    ),
    "tls_error": gettext_noop("The operator of the source has to renew or correct its certificate."),
    "digest_mismatch": gettext_noop("The source sent other bytes than it promised. Nothing was published."),
    "unsupported_manifest": gettext_noop("The source holds something that is no OCI or Docker image."),
    "limit_exceeded": gettext_noop("The image is larger or more nested than an image may be here."),
    "protocol_error": gettext_noop("The source does not speak the registry protocol at this address."),
    "source_error": gettext_noop("The source failed. Retry; layers that arrived are not moved again."),
    "target_error": gettext_noop("The private registry failed. Retry, or tell the operator."),
    "quota_exceeded": gettext_noop(
        "Delete images that are no longer needed, or ask the operator for more room."
    ),
    "tag_exists": gettext_noop("Choose another target tag, or allow overwriting."),
    "stalled": gettext_noop("Retry; layers that arrived are not moved again."),
    "timeout": gettext_noop("Retry; layers that arrived are not moved again."),
    "worker_lost": gettext_noop("Retry; layers that arrived are not moved again."),
    "docker_unavailable": gettext_noop("Import without Docker Engine, or tell the operator."),
    "no_space": gettext_noop("Tell the operator that the disk is full."),
    "credential_unreadable": gettext_noop("Enter the username and password again."),
    "internal_error": gettext_noop("Retry; if it fails again, tell the operator."),
}

#: Sentences of a wait whose end a registry has named.
_RATE_LIMITS: Final = frozenset({RATE_LIMITED, RATE_LIMITED_LONG})
#: What an import does after its present stage.
_NEXT: Final = {
    Stage.START: gettext_noop("Next: signing in to the source"),
    Stage.LOGIN: gettext_noop("Next: pulling the layers"),
    Stage.PULL: gettext_noop("Next: tagging and publishing"),
    Stage.TAG: gettext_noop("Next: publishing the manifests, the tag last"),
    Stage.PUSH: gettext_noop("Next: checking and cleaning up"),
    Stage.CLEANUP: gettext_noop("Next: done"),
}

#: A message that an import is cleaning up is another word in Chinese than the step of that name.
_STEP_WORDS: Final = {Stage.CLEANUP: pgettext_lazy("step", "Cleaning up")}
STEPS: Final = (Stage.LOGIN, Stage.PULL, Stage.TAG, Stage.PUSH, Stage.CLEANUP, Stage.DONE)


@register.simple_tag
def status_chip(value: str) -> SafeString:
    """A status: icon, word and colour."""
    status = Status(value)
    colour, name = STATUS_LOOKS[status]
    return _chip(
        colour, _ICONS.get(name, name), status.label, spins=status in (Status.RUNNING, Status.CANCELING)
    )


@register.simple_tag
def layer_chip(value: str) -> SafeString:
    state = LayerState(value)
    colour, name = _LAYER_LOOKS[state]
    return _chip(colour, name, state.label, spins=state == LayerState.COPYING)


@register.simple_tag
def outcome_chip(value: str) -> SafeString:
    outcome = Outcome(value)
    colour, name = _OUTCOME_LOOKS[outcome]
    return _chip(colour, name, outcome.label, spins=outcome == Outcome.RUNNING)


def _chip(colour: str, name: str, word: Any, *, spins: bool = False) -> SafeString:
    return format_html(
        '<span class="chip chip-{}">{}{}</span>', colour, icon(name, "spin" if spins else ""), word
    )


@register.filter
def status_colour(value: str) -> str:
    return STATUS_LOOKS[Status(value)][0]


@register.filter
def message_of(task: ImportTask) -> str:
    return selectors.render_message(task)


@register.filter
def error_of(row: ImportTask | ImportAttempt) -> str:
    return selectors.render_error(row)


@register.filter
def sentence_of(row: Any) -> str:
    """``error`` of any row that keeps its parts, in the reader's language."""
    return shown(row.error, row.error_parts)


@register.filter
def advice(code: str) -> str:
    """What to do about a failure; empty where there is nothing to say."""
    return _(ADVICE[code]) if code in ADVICE else ""


@register.filter
def next_of(task: ImportTask) -> str:
    """What happens after the present stage."""
    if task.status == Status.PENDING:
        again = task.is_waiting_until
        return _("Next: it goes on by itself") if again else _("Next: it starts as soon as a place is free")
    if task.status != Status.RUNNING or task.stage not in _NEXT:
        return ""
    return _(_NEXT[Stage(task.stage)])


@register.simple_tag
def moved(done: int, total: int) -> str:
    """Bytes of bytes; the whole alone where the two read the same. Never a percent: an import has one of its own."""
    here, whole = size(done), size(total)
    return whole if here == whole else _("%(done)s of %(total)s") % {"done": here, "total": whole}


@register.filter
def layer_bar(layer: Any) -> int:
    """How much of a layer is here, 0 to 100."""
    if layer.state in (LayerState.EXISTS, LayerState.MOUNTED, LayerState.DONE):
        return 100
    return min(100, layer.bytes_done * 100 // layer.size) if layer.size else 0


@register.filter
def cron_words(line: str) -> str:
    """When a schedule runs, in words; empty where only the line itself says it."""
    return in_words(line)


@register.filter
def count_here(layers: Sequence[ImportLayer]) -> int:
    """How many of the layers are in the target."""
    return sum(layer.state in (LayerState.EXISTS, LayerState.MOUNTED, LayerState.DONE) for layer in layers)


@register.simple_tag
def waiting(task: ImportTask) -> SafeString:
    """Until when an import waits, and for whom where that is a host; scripts show the reader's own time."""
    until = task.not_before or timezone.now()
    time = format_html('<time datetime="{}" data-local="short">{}</time>', until.isoformat(), exact(until))
    said_parts = task.message_parts or {}
    host = said_parts.get("params", {}).get("host")
    if said_parts.get("template") in _RATE_LIMITS:
        said = _("Rate limit reached on %(host)s. Resumes at %(time)s (%(wait)s).")
        places = {"host": "{host}", "time": "{time}", "wait": "{wait}"}
        return format_html(said % places, host=host, time=time, wait=_wait_until(until))
    said = _("Waiting for %(host)s until %(time)s") if host else _("Waiting until %(time)s")
    return format_html(said % {"host": "{host}", "time": "{time}"}, host=host, time=time)


def _wait_until(until: dt.datetime) -> SafeString:
    """How long it is until then, which goes on counting where there are scripts."""
    left = _("in %(time)s") % {"time": duration((until - timezone.now()).total_seconds())}
    return format_html(
        '<relative-time datetime="{}" prefix="" threshold="P30D">{}</relative-time>', until.isoformat(), left
    )


@register.filter
def wait_reason(task: ImportTask) -> str:
    """Why an import waits, where the words of :func:`waiting` do not say it already."""
    template = (task.message_parts or {}).get("template")
    return "" if template == RATE_LIMITED else selectors.render_message(task)


@register.simple_tag
def shares(counts: Mapping[str, int], css: str = "") -> SafeString:
    """How the imports of a batch ended, as one bar; the words beside it say the same."""
    total, at, drawn = sum(counts.values()) or 1, 0.0, []
    for status in (Status.SUCCESS, Status.FAILED, Status.CANCELED):
        width = counts.get(status, 0) * 100 / total
        drawn.append((status.value, f"{at:.2f}", f"{width:.2f}"))
        at += width
    rects = format_html_join("", '<rect class="share-{}" x="{}" width="{}" height="1"></rect>', drawn)
    return format_html(
        '<svg class="shares {}" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        css,
        rects,
    )


@register.simple_tag
def steps(task: ImportTask) -> list[dict[str, Any]]:
    """The stages as steps: each ``past``, ``now`` or ``ahead``."""
    order = [Stage.START, *STEPS]
    at = order.index(Stage(task.stage)) if task.stage else -1
    done = task.status == Status.SUCCESS
    found = []
    for stage in STEPS:
        place = order.index(stage)
        state = (
            "past" if done or place < at else "now" if place == at or (at == 0 and place == 1) else "ahead"
        )
        found.append({"label": _STEP_WORDS.get(stage, stage.label), "state": state})
    return found


@register.filter
def pull_line(task: ImportTask, client: str) -> str:
    """The command that pulls what an import brought (:func:`imageimport.selectors.add_artifact_types`)."""
    return command_for(task.target_image, getattr(task, "artifact_type", ""), client)
