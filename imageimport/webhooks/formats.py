"""Events as chat services take them: a sentence or two, and a link to where the remedy is.

Pure: a payload (:mod:`imageimport.webhooks.payloads`) in, the body and the URL's query out. Sources: Slack "Incoming
webhooks"; Microsoft Teams "Workflows" (an Adaptive Card 1.4); DingTalk "custom robot" with its signature; Feishu (Lark)
"custom bot" with its signature; WeCom "group robot".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from imageimport.choices import Verdict
from imageimport.messages import shown
from imageimport.models import Webhook
from imageimport.webhooks.links import link

#: Of a title and of a text. Slack takes 3,000 in all, once it is escaped; all others more.
_MAX_CHARS: Final = 1_000
#: WeCom takes so many bytes of Markdown, DingTalk more; and the share of the title.
_MAX_BYTES: Final = 4_096
_TITLE_BYTES: Final = 1_024
#: Where something was left out.
_CUT: Final = "…"
_MARKDOWN_SIGNS: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>#|"})
_SLACK_SIGNS: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
Payload = Mapping[str, Any]
_DECIDED: Final[Mapping[str, str]] = {
    Verdict.APPROVED: gettext_noop("Approved by %(by)s: %(image)s for %(project)s"),
    Verdict.REJECTED: gettext_noop("Rejected by %(by)s: %(image)s for %(project)s"),
    Verdict.EXPIRED: gettext_noop("Request expired: %(image)s for %(project)s"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """What people read. ``good``: nothing failed; ``url``: where they go on."""

    title: str
    text: str
    url: str
    good: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """What is sent: the body, and what the URL gets added."""

    body: bytes
    query: str = ""


def posted(webhook_format: str, payload: Payload, *, secret: str, language: str) -> Posted:
    """An event in a service's own form, in ``language``.

    :param webhook_format: of :class:`imageimport.models.Webhook.Format`, other than ``json``.
    """
    with override(language):
        message = message_of(payload)
        made, query = _MAKERS[webhook_format](message, secret)
    return Posted(json.dumps(made, ensure_ascii=False).encode(), query)


def message_of(payload: Payload) -> Message:
    """An event in words of the active language."""
    project = str(payload.get("project", {}).get("name", ""))
    for part, make in _WORDS.items():
        if payload.get(part):
            return make(project, payload)
    return Message(str(payload.get("event", "")), "", link(reverse("project", args=[project])), good=True)


def refused(webhook_format: str, body: bytes) -> str:
    """What the service says against it although it answers 200; empty where it took the message."""
    if webhook_format not in _CODES:
        return ""
    code, reason = _CODES[webhook_format]
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict) or answer.get(code) in (0, None):
        return ""
    return f"{answer.get(reason) or ''} ({answer[code]})".strip()[:200]


# --- words ----------------------------------------------------------------------------------------------------
def _of_request(project: str, payload: Payload) -> Message:
    task, request = payload["task"], payload["request"]
    values = {"image": task["source_image"], "project": project, "by": request.get("decided_by") or ""}
    if payload["event"] == "request.created":
        title = _("Approval requested: %(image)s for %(project)s") % values
        return Message(title, request.get("message") or "", request["url"], good=True)
    verdict = request["verdict"]
    # No one decided on one that expired: what ended its import says so.
    text = _error(task, payload) if verdict == Verdict.EXPIRED else request.get("reason") or ""
    return Message(_(_DECIDED[verdict]) % values, text, request["url"], good=verdict == Verdict.APPROVED)


def _of_task(project: str, payload: Payload) -> Message:
    task = payload["task"]
    url = link(reverse("import-detail", args=[project, task["id"]]))
    values = {"image": task["source_image"] or task["image_url"], "target": task["target_image"]}
    if payload["event"] == "import.failed":
        return Message(_("Import failed: %(image)s") % values, _error(task, payload), url, good=False)
    text = _("It is available as %(target)s.") % values
    return Message(_("Import succeeded: %(image)s") % values, text, url, good=True)


def _error(known: Payload, payload: Payload) -> str:
    """In the reader's language where the event has what it takes; else as programs get it."""
    return shown(known["error"], payload.get("error_parts") or {})


def _of_batch(project: str, payload: Payload) -> Message:
    batch = payload["batch"]
    counts, url = batch["counts"], link(reverse("batch", args=[project, batch["id"]]))
    values = {
        "name": batch["name"] or _("Untitled batch"),
        "done": counts.get("success", 0),
        "total": batch["total"],
        "failed": counts.get("failed", 0),
    }
    text = _("%(done)s of %(total)s images imported, %(failed)s failed.") % values
    return Message(_("Batch completed: %(name)s") % values, text, url, good=not values["failed"])


def _of_run(project: str, payload: Payload) -> Message:
    schedule, run = payload["schedule"], payload["run"]
    result, url = run["result"] or {}, link(reverse("schedule", args=[project, schedule["id"]]))
    good = not (run["error"] or result.get("failed"))
    values = {
        "image": schedule["image_url"],
        **{name: result.get(name, 0) for name in ("imported", "failed")},
    }
    title = _("Scheduled sync completed: %(image)s") if good else _("Scheduled sync failed: %(image)s")
    if good and run.get("recovered"):
        title = _("Scheduled sync works again: %(image)s")
    text = _error(run, payload) or _("%(imported)s imported, %(failed)s failed.") % values
    return Message(title % values, text, url, good=good)


def _of_tag(project: str, payload: Payload) -> Message:
    tag = payload["tag"]
    title = _("Protected tag restored: %(image)s") % {"image": tag["image"]}
    return Message(title, tag["digest"], link(reverse("project", args=[project])), good=False)


def _of_upstream(project: str, payload: Payload) -> Message:
    schedule, upstream = payload["schedule"], payload["upstream"]
    url = link(reverse("schedule", args=[project, schedule["id"]]))
    gone, newer = upstream["gone"], upstream["newer"]
    sentences = []
    if gone:
        sentences.append(_("Gone at the source, kept here: %(tags)s.") % {"tags": ", ".join(gone)})
    if newer:
        sentences.append(
            _("There is a newer version that the sync doesn't follow: %(tag)s.") % {"tag": newer}
        )
    title = (
        _("Tags are gone at the source: %(image)s") if gone else _("Newer version at the source: %(image)s")
    )
    return Message(title % {"image": schedule["image_url"]}, " ".join(sentences), url, good=not gone)


def _of_digest(project: str, payload: Payload) -> Message:
    digest = payload["digest"]
    sentences = [
        _("Last week: %(imported)s imports succeeded, %(failed)s failed.") % digest,
        _("The project holds %(images)s tags.") % digest,
    ]
    if digest["requests"]:
        sentences.append(_("Requests that wait for approval: %(requests)s.") % digest)
    for name, sentence in (
        ("failing", _("Scheduled syncs that fail: %(images)s.")),
        ("gone", _("Gone at the source, kept here: %(images)s.")),
        ("newer", _("Newer versions at the source: %(images)s.")),
    ):
        if digest[name]:
            sentences.append(sentence % {"images": ", ".join(digest[name])})
    return Message(
        _("Weekly digest: %(project)s") % {"project": project},
        "\n".join(sentences),
        link(reverse("project", args=[project])),
        good=not (digest["failed"] or digest["failing"]),
    )


def _of_test(project: str, _payload: Payload) -> Message:
    text = _("Messages about the project %(project)s will be sent here.") % {"project": project}
    return Message(
        _("Test message from Registry Portal"), text, link(reverse("project", args=[project])), good=True
    )


#: By the part of the payload that tells the event; a request has its task beside it, a run its schedule.
_WORDS: Final[Mapping[str, Callable[[str, Payload], Message]]] = {
    "request": _of_request,
    "task": _of_task,
    "batch": _of_batch,
    "run": _of_run,
    "tag": _of_tag,
    "upstream": _of_upstream,
    "digest": _of_digest,
    "test": _of_test,
}


# --- forms ----------------------------------------------------------------------------------------------------
def _slack(message: Message, _secret: str) -> tuple[Any, str]:
    def safe(text: str) -> str:
        return _fitted(text, _MAX_CHARS, _SLACK_SIGNS)

    mark = ":white_check_mark:" if message.good else ":x:"
    text = f"{mark} *<{message.url}|{safe(message.title)}>*\n{safe(message.text)}".rstrip()
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {"text": safe(message.title), "blocks": [block]}, ""


def _teams(message: Message, _secret: str) -> tuple[Any, str]:
    texts = [
        {
            "type": "TextBlock",
            "text": _plain(message.title),
            "weight": "Bolder",
            "wrap": True,
            "color": "Good" if message.good else "Attention",
        }
    ]
    if message.text:
        texts.append({"type": "TextBlock", "text": _plain(message.text), "wrap": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": texts,
        "actions": [{"type": "Action.OpenUrl", "title": _("Open"), "url": message.url}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }, ""


def _dingtalk(message: Message, secret: str) -> tuple[Any, str]:
    made = {"msgtype": "markdown", "markdown": {"title": message.title[:100], "text": _markdown(message)}}
    if not secret:
        return made, ""
    moment = str(round(time.time() * 1000))
    digest = hmac.new(secret.encode(), f"{moment}\n{secret}".encode(), hashlib.sha256).digest()
    return made, f"timestamp={moment}&sign={quote_plus(base64.b64encode(digest))}"


def _feishu(message: Message, secret: str) -> tuple[Any, str]:
    button = {
        "tag": "button",
        "text": {"tag": "plain_text", "content": _("Open")},
        "url": message.url,
        "type": "primary",
    }
    text = {"tag": "div", "text": {"tag": "plain_text", "content": message.text[:_MAX_CHARS] or "–"}}
    card = {
        "header": {
            "title": {"tag": "plain_text", "content": message.title[:_MAX_CHARS]},
            "template": "green" if message.good else "red",
        },
        "elements": [text, {"tag": "action", "actions": [button]}],
    }
    made: dict[str, Any] = {"msg_type": "interactive", "card": card}
    if secret:
        moment = str(int(time.time()))
        digest = hmac.new(f"{moment}\n{secret}".encode(), b"", hashlib.sha256).digest()
        made |= {"timestamp": moment, "sign": base64.b64encode(digest).decode()}
    return made, ""


def _wecom(message: Message, _secret: str) -> tuple[Any, str]:
    return {"msgtype": "markdown", "markdown": {"content": _markdown(message)}}, ""


def _markdown(message: Message) -> str:
    """Title, text and link; of the text what has room, so that the link is always there and whole."""
    label = _("Open")
    way = f"\n\n[{label}]({message.url})"
    title = f"**{_fitted(message.title, _TITLE_BYTES, _MARKDOWN_SIGNS, size=_bytes)}**"
    room = _MAX_BYTES - _bytes(title) - _bytes(way) - len("\n\n")
    text = f"{title}\n\n{_fitted(message.text, room, _MARKDOWN_SIGNS, size=_bytes)}".rstrip()
    return text + way


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: names of images hold underscores, sentences of registries anything."""
    return text[:_MAX_CHARS].translate(_MARKDOWN_SIGNS)


def _fitted(text: str, most: int, signs: Mapping[int, str], *, size: Callable[[str], int] = len) -> str:
    """As much of ``text`` as takes ``most`` once its signs are written as ``signs`` says; none is cut in two."""
    whole = text[: max(most, 0)].translate(signs)
    if len(text) <= most and size(whole) <= most:
        return whole
    kept: list[str] = []
    used = size(_CUT)
    for each in text:
        written = each.translate(signs)
        used += size(written)
        if used > most:
            break
        kept.append(written)
    return "".join(kept) + _CUT


def _bytes(text: str) -> int:
    return len(text.encode())


_MAKERS: Final[Mapping[str, Callable[[Message, str], tuple[Any, str]]]] = {
    Webhook.Format.SLACK: _slack,
    Webhook.Format.TEAMS: _teams,
    Webhook.Format.DINGTALK: _dingtalk,
    Webhook.Format.FEISHU: _feishu,
    Webhook.Format.WECOM: _wecom,
}
#: Services that answer 200 whatever they think: names of the code and the words in their answer.
_CODES: Final[Mapping[str, tuple[str, str]]] = {
    Webhook.Format.DINGTALK: ("errcode", "errmsg"),
    Webhook.Format.FEISHU: ("code", "msg"),
    Webhook.Format.WECOM: ("errcode", "errmsg"),
}
