"""How imports are shown: status, stage, bytes, reasons, and what can be done about a failure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, pgettext_lazy

from imageimport import selectors
from imageimport.choices import LAYER_STATES, STATUS_LOOKS, Action, Outcome, Stage, Status
from imageimport.messages import DONE, shown
from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from imageimport.requests.askers import asked_by
from imageimport.worker.windows import NEVER
from oci.copy.observer import LayerState
from oci.registry.faults import RATE_LIMITED, RATE_LIMITED_LONG
from oci.spec.media_types import CONFIG_TYPES
from projects import signatures
from projects.commands import command_for
from projects.cron import in_words
from projects.models import Project
from projects.scanning.words import severity_word
from projects.templatetags.portal import duration, exact, icon, mark, size

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

_ACTION_LOOKS: Final = {
    Action.ALLOW: ("green", "check"),
    Action.APPROVE: ("orange", "hourglass"),
    Action.REFUSE: ("red", "ban"),
}

_LAYER_LABELS: Final = dict(LAYER_STATES)

_OUTCOME_LOOKS: Final = {
    Outcome.RUNNING: ("blue", "loader-2"),
    Outcome.SUCCESS: ("green", "check"),
    Outcome.FAILED: ("red", "x"),
    Outcome.CANCELED: ("secondary", "ban"),
    Outcome.HANDED_BACK: ("secondary", "rotate-clockwise"),
    Outcome.LOST: ("orange", "plug-connected-x"),
    Outcome.WAITING: ("orange", "hourglass"),
}

_SIGNATURE_LOOKS: Final = {
    "verified": ("green", "shield-check"),
    "unsigned": ("orange", "alert-circle"),
    "invalid": ("red", "alert-triangle"),
    "unknown": ("secondary", "clock"),
}
_SIGNATURE_LABELS: Final = dict(signatures.STATES)

#: What a reader can do about a failure, by its code.
ADVICE: Final = {
    "invalid_reference": gettext_noop("Check the spelling of the reference."),
    "blocked_address": gettext_noop("Private addresses can be used only if the administrator allows them."),
    "unauthorized": gettext_noop(
        "Enter a username and password, or choose a saved credential, and import again."
    ),
    "forbidden": gettext_noop(
        "This account has no permission to read the image. Ask the owner of the image for access."
    ),
    "not_found": gettext_noop(
        "Check the name and the tag. A private image also needs a username and password."
    ),
    "rate_limited": gettext_noop("Retry later, or use an account with a higher limit."),
    "unreachable": gettext_noop(
        "Retry later. If other registries fail too, this server may have no internet access or DNS; an administrator "
        "can set a mirror."
    ),
    "proxy_error": gettext_noop(
        "Retry later. If it fails again, ask the administrator to check the proxy and the rule that names it."
    ),
    "tls_error": gettext_noop("The administrator of the source has to renew or correct its certificate."),
    "bundle_invalid": gettext_noop(
        "Nothing was published. Copy the file again from where it was made, and upload it once more."
    ),
    "bundle_incomplete": gettext_noop(
        "Nothing was published. Import the earlier bundle that this one builds on, or all of its volumes together."
    ),
    "digest_mismatch": gettext_noop(
        "Nothing was published. Retry; if it fails again, the image is damaged at the source."
    ),
    "unsupported_manifest": gettext_noop("Only OCI and Docker images and artifacts can be imported."),
    "limit_exceeded": gettext_noop("The image exceeds this portal's size or nesting limits."),
    "protocol_error": gettext_noop("Check that this address is a container registry."),
    "source_error": gettext_noop(
        "The source failed. Retry: layers that were already transferred are not transferred again."
    ),
    "target_error": gettext_noop("The private registry failed. Retry, or tell the administrator."),
    "quota_exceeded": gettext_noop(
        "Delete images that you no longer need, or ask the administrator for more space."
    ),
    "refused_by_rule": gettext_noop(
        "Choose an image that the rules allow, or ask a maintainer of the project or the administrator to change them."
    ),
    "rejected": gettext_noop("Ask the maintainer who rejected it, or request another image."),
    "approval_outdated": gettext_noop("Retry to request approval of the image that the tag points to now."),
    "tag_exists": gettext_noop("Choose another target tag, or allow overwriting."),
    "signature_missing": gettext_noop(
        "Ask the publisher of the image to sign it, or a maintainer to change the rule."
    ),
    "signature_invalid": gettext_noop(
        "Find out why before you use this image. The project's settings list the trusted signers."
    ),
    "tag_protected": gettext_noop("Choose another target tag, or ask a maintainer to lift the protection."),
    "stalled": gettext_noop("Retry: layers that were already transferred are not transferred again."),
    "timeout": gettext_noop("Retry: layers that were already transferred are not transferred again."),
    "worker_lost": gettext_noop("Retry: layers that were already transferred are not transferred again."),
    "docker_unavailable": gettext_noop("Import without Docker Engine, or tell the administrator."),
    "no_space": gettext_noop("Tell the administrator that the disk is full."),
    "credential_unreadable": gettext_noop("Enter the username and password again."),
    "internal_error": gettext_noop("Retry; if it fails again, tell the administrator."),
}

#: Sentences of a wait whose end a registry has named.
_RATE_LIMITS: Final = frozenset({RATE_LIMITED, RATE_LIMITED_LONG})
#: What an import does after its present stage.
_NEXT: Final = {
    Stage.START: gettext_noop("Next: signing in to the source"),
    Stage.LOGIN: gettext_noop("Next: pulling the layers"),
    Stage.PULL: gettext_noop("Next: tagging and publishing"),
    Stage.TAG: gettext_noop("Next: publishing the manifests and the tag"),
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
def action_chip(value: str) -> SafeString:
    """What a rule does: icon, word and colour."""
    action = Action(value)
    colour, name = _ACTION_LOOKS[action]
    return _chip(colour, name, action.label)


@register.filter
def required_words(rule: Any) -> list[str]:
    """What a rule requires, a sentence each. ``rule.signers``: names of signers by their ids."""
    found = []
    # A row that can't be understood refuses everything; its page is shown all the same.
    required = rule.requires if isinstance(rule.requires, dict) else {}
    for name, value in sorted(required.items()):
        if name == "max_bytes":
            found.append(_("at most %(size)s") % {"size": size(value)})
        elif name == "min_age_days":
            found.append(
                ngettext("at least %(days)d day old", "at least %(days)d days old", value) % {"days": value}
            )
        elif name == "min_seen_days":
            found.append(
                ngettext(
                    "known here for at least %(days)d day", "known here for at least %(days)d days", value
                )
                % {"days": value}
            )
        elif name == "platforms":
            found.append(_("only for %(platforms)s") % {"platforms": ", ".join(value)})
        elif name == "max_severity":
            found.append(_("scanned, worst: %(severity)s") % {"severity": severity_word(value)})
        elif name == "signed_by":
            names = [rule.signers.get(each, _("a deleted signer")) for each in value]
            found.append(_("signed by %(signers)s") % {"signers": _(" or ").join(names)})
        else:
            found.append(name)
    return found


@register.simple_tag
def layer_chip(value: str) -> SafeString:
    state = LayerState(value)
    colour, name = _LAYER_LOOKS[state]
    return _chip(colour, name, _LAYER_LABELS[state], spins=state == LayerState.COPYING)


@register.filter
def blob_kind(media_type: str) -> str:
    """What a blob is that is no layer of files, in a word; empty for the others."""
    kind = media_type.lower()
    if kind in CONFIG_TYPES or kind.endswith((".config.v1+json", ".oci.empty.v1+json")):
        return _("Configuration")
    if "spdx" in kind or "cyclonedx" in kind:
        return "SBOM"
    if "simplesigning" in kind or "sigstore.bundle" in kind:
        return _("Signature")
    return _("Attestation") if "in-toto" in kind or "dsse" in kind else ""


@register.filter
def in_groups(layers: Sequence[ImportLayer]) -> list[tuple[str, list[ImportLayer]]]:
    """By platform, where the image has several: then what they share, then what is said about the image. By kind, where
    it has one or no index says any."""
    platforms = dict.fromkeys(layer.platform for layer in layers if layer.platform)
    if len(platforms) < 2:
        return by_kind(layers)
    several, attached = _("Several platforms"), _("Signatures and SBOMs")
    groups: dict[str, list[ImportLayer]] = {each: [] for each in (*platforms, several, attached)}
    for layer in layers:
        is_attached = blob_kind(layer.media_type) not in {"", _("Configuration")}
        groups[attached if is_attached else layer.platform or several].append(layer)
    return [(word, found) for word, found in groups.items() if found]


def by_kind(layers: Sequence[ImportLayer]) -> list[tuple[str, list[ImportLayer]]]:
    """Layers of files, configurations, and what is said about the image, each under its word where there are any."""
    groups: dict[str, list[ImportLayer]] = {
        _("Layers"): [],
        _("Configuration"): [],
        _("Signatures and SBOMs"): [],
    }
    for layer in layers:
        kind = blob_kind(layer.media_type) or _("Layers")
        groups.get(kind, groups[_("Signatures and SBOMs")]).append(layer)
    return [(word, found) for word, found in groups.items() if found]


@register.simple_tag
def outcome_chip(value: str) -> SafeString:
    outcome = Outcome(value)
    colour, name = _OUTCOME_LOOKS[outcome]
    return _chip(colour, name, outcome.label, spins=outcome == Outcome.RUNNING)


@register.simple_tag
def signature_of(row: Any) -> signatures.Shown:
    """What was found of a task's or an image's signatures."""
    return signatures.shown(row.signature)


@register.simple_tag
def signature_chip(verdict: signatures.Shown) -> SafeString:
    colour, name = _SIGNATURE_LOOKS[verdict.state]
    return _chip(colour, name, _SIGNATURE_LABELS[verdict.state])


@register.simple_tag
def signature_mark(row: Any) -> SafeString | str:
    """The verdict beside a row of a list, as an icon with its words; nothing where it was not asked."""
    if not row.signature:
        return ""
    verdict = signatures.shown(row.signature)
    colour, name = _SIGNATURE_LOOKS[verdict.state]
    words = (
        f"{_SIGNATURE_LABELS[verdict.state]}: {verdict.by}"
        if verdict.by
        else _SIGNATURE_LABELS[verdict.state]
    )
    return mark(colour, name, words)


def _chip(colour: str, name: str, word: Any, *, spins: bool = False) -> SafeString:
    return format_html(
        '<span class="chip chip-{}">{}{}</span>', colour, icon(name, "spin" if spins else ""), word
    )


@register.filter
def status_colour(value: str) -> str:
    return STATUS_LOOKS[Status(value)][0]


@register.filter
def is_asked_by(task: ImportTask, user: Any) -> bool:
    """Whether the person asked for it, themselves or by a robot account of theirs."""
    return asked_by(task, user)


@register.filter
def message_of(task: ImportTask) -> str:
    return selectors.render_message(task)


@register.filter
def note_of(task: ImportTask) -> str:
    """What people should know of an import that succeeded; empty where there is nothing."""
    has_note = task.status == Status.SUCCESS and task.message_parts.get("template") != DONE
    return selectors.render_message(task) if has_note else ""


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
    if task.status == Status.REQUESTED:
        return _("Starts once a maintainer approves it")
    if task.status == Status.PENDING:
        if _hours_never_come(task):
            return _("Starts once the hours are changed, or a maintainer runs it now")
        again = task.is_waiting_until
        return _("Resumes automatically") if again else _("Queued: starts as soon as a slot is free")
    if task.status != Status.RUNNING or task.stage not in _NEXT:
        return ""
    return _(_NEXT[Stage(task.stage)])


@register.simple_tag
def moved(done: int, total: int) -> str:
    """Bytes of bytes; the whole alone where the two read the same. Never a percent: an import has one of its own."""
    here, whole = size(done), size(total)
    return whole if here == whole else _("%(done)s of %(total)s") % {"done": here, "total": whole}


@register.simple_tag
def bandwidth_of(project: Project) -> int | None:
    """Bytes a second that the imports of a project may read together at most; None where nothing bounds them."""
    return min(filter(None, (project.bandwidth, settings.IMPORT_BANDWIDTH)), default=None)


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


@register.filter
def sum_sizes(layers: Sequence[ImportLayer]) -> int:
    """Their bytes together."""
    return sum(layer.size for layer in layers)


@register.simple_tag
def waiting(task: ImportTask) -> SafeString:
    """Until when an import waits, and for whom where that is a host; scripts show the reader's own time. Where it waits
    for hours that never come, there is no such time, and the whole sentence is said."""
    if _hours_never_come(task):
        return format_html("{}", selectors.render_message(task))
    until = task.not_before or timezone.now()
    time = format_html('<time datetime="{}" data-local="short">{}</time>', until.isoformat(), exact(until))
    message_parts = task.message_parts or {}
    host = message_parts.get("params", {}).get("host")
    if message_parts.get("template") in _RATE_LIMITS:
        sentence = _("Rate limit reached on %(host)s. Resumes at %(time)s (%(wait)s).")
        places = {"host": "{host}", "time": "{time}", "wait": "{wait}"}
        return format_html(sentence % places, host=host, time=time, wait=_wait_until(until))
    sentence = _("Waiting for %(host)s until %(time)s") if host else _("Waiting until %(time)s")
    return format_html(sentence % {"host": "{host}", "time": "{time}"}, host=host, time=time)


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
    return "" if template in (RATE_LIMITED, NEVER) else selectors.render_message(task)


def _hours_never_come(task: ImportTask) -> bool:
    """Whether it waits for hours of project and installation that have no minute in common."""
    return task.waits_for_window and (task.message_parts or {}).get("template") == NEVER


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
