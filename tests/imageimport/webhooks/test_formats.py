"""Chat services get messages as they document them, and what they say against one is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest
from django.utils.translation import override

from imageimport.models import Webhook
from imageimport.webhooks.formats import message_of, posted, refused
from imageimport.webhooks.sender import Parcel, Receiver, body_of, send
from testbed.scripted_http import Reply, ScriptedServer

FORMATS = [each for each in Webhook.Format.values if each != "json"]
TASK = {
    "id": str(uuid.uuid4()),
    "image_url": "nginx",
    "source_image": "docker.io/library/nginx:1",
    "target_image": "registry.test/team/nginx:1",
    "error": "No *route* to <host> & <back>",
}
EVENT = {"event": "import.failed", "project": {"name": "team"}, "task": TASK}
SCHEDULE = {"id": str(uuid.uuid4()), "image_url": "redis"}
BATCH = {"id": str(uuid.uuid4()), "name": "", "total": 3, "counts": {"success": 2, "failed": 1}}


@pytest.fixture(autouse=True)
def _named(settings: Any) -> None:
    settings.PORTAL_URL = "https://portal.test"


def body(name: str, *, secret: str = "", language: str = "en", event: Any = EVENT) -> Any:
    return json.loads(posted(name, event, secret=secret, language=language).body)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("language", "word"), [("en", "Import failed"), ("zh-hans", "导入失败")])
def test_the_message_is_in_the_webhooks_language_and_leads_to_the_import(
    name: str, language: str, word: str
) -> None:
    sent = json.dumps(body(name, language=language), ensure_ascii=False)
    assert word in sent
    assert f"https://portal.test/projects/team/imports/{TASK['id']}/" in sent


def test_an_error_is_told_in_the_webhooks_language() -> None:
    template = "The receiver answered with status %(status)d."
    event = {**EVENT, "error_parts": {"template": template, "params": {"status": 503}}}
    assert "503" in json.dumps(body("wecom", event=event))
    sent = body("wecom", language="zh-hans", event=event)["markdown"]["content"]
    assert "answered" not in sent
    assert b"error_parts" not in body_of(event)


def test_slack_escapes_its_three_signs() -> None:
    text = body("slack")["blocks"][0]["text"]
    assert text["type"] == "mrkdwn"
    assert "&lt;host&gt; &amp; &lt;back&gt;" in text["text"]


def test_teams_gets_an_adaptive_card() -> None:
    (attachment,) = body("teams")["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [each["type"] for each in card["body"]] == ["TextBlock", "TextBlock"]
    assert card["actions"][0]["type"] == "Action.OpenUrl"


def test_dingtalk_is_signed_in_the_url() -> None:
    made = posted("dingtalk", EVENT, secret="SEC1", language="en")
    values = dict(part.split("=", 1) for part in made.query.split("&"))
    expected = hmac.new(b"SEC1", f"{values['timestamp']}\nSEC1".encode(), hashlib.sha256).digest()
    assert base64.b64decode(unquote_plus(values["sign"])) == expected
    assert len(values["timestamp"]) == 13
    assert posted("dingtalk", EVENT, secret="", language="en").query == ""


def test_feishu_is_signed_in_the_body() -> None:
    made = body("feishu", secret="s")
    expected = hmac.new(f"{made['timestamp']}\ns".encode(), b"", hashlib.sha256).digest()
    assert base64.b64decode(made["sign"]) == expected
    assert made["card"]["header"]["template"] == "red"
    assert "sign" not in body("feishu")


def test_wecom_gets_markdown_within_its_limit() -> None:
    long = {**EVENT, "task": {**TASK, "error": "镜" * 5000}}
    content = body("wecom", event=long)["markdown"]["content"]
    assert len(content.encode()) <= 4096
    assert "\\*route\\*" in body("wecom")["markdown"]["content"]


@pytest.mark.parametrize("name", ["wecom", "dingtalk"])
@pytest.mark.parametrize("sign", ["镜", "*", "\\", "a", "😀"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_is_too_long_for_markdown_is_cut_after_it_is_written_and_the_link_stays(
    name: str, sign: str, language: str
) -> None:
    task = {**TASK, "source_image": sign * 3000, "error": sign * 5000}
    sent = body(name, language=language, event={**EVENT, "task": task})["markdown"]
    content = sent.get("content") or sent["text"]
    assert 3900 < len(content.encode()) <= 4096
    assert content.endswith(f"/projects/team/imports/{TASK['id']}/)")
    title, text, _link = content.split("\n\n")
    for each in (title.removeprefix("**").removesuffix("**"), text):
        assert each.endswith("…")
        written = each.removesuffix("…").partition(": ")[2] if each is not text else each.removesuffix("…")
        assert written.replace(f"\\{sign}", "") == "" or set(written) <= {sign}


@pytest.mark.parametrize("sign", ["&", "<", ">"])
def test_slack_gets_no_half_of_an_escaped_sign(sign: str) -> None:
    task = {**TASK, "source_image": sign * 3000, "error": sign * 3000}
    sent = body("slack", event={**EVENT, "task": task})
    text = sent["blocks"][0]["text"]["text"]
    assert len(text) <= 3000
    for each in (text.split("|", 1)[1], sent["text"]):
        assert "…" in each
        rest = each.replace({"&": "&amp;", "<": "&lt;", ">": "&gt;"}[sign], "")
        assert "&" not in rest


@pytest.mark.parametrize(
    ("event", "title", "good"),
    [
        ({"event": "import.succeeded", "task": TASK}, "Import succeeded: docker.io/library/nginx:1", True),
        ({"event": "batch.completed", "batch": BATCH}, "Batch completed: Untitled batch", False),
        (
            {
                "event": "schedule.completed",
                "schedule": SCHEDULE,
                "run": {"result": {"imported": 2}, "error": ""},
            },
            "Scheduled sync completed: redis",
            True,
        ),
        (
            {
                "event": "schedule.completed",
                "schedule": SCHEDULE,
                "run": {"result": None, "error": "No route."},
            },
            "Scheduled sync failed: redis",
            False,
        ),
        (
            {"event": "tag.restored", "tag": {"image": "h/team/web:1", "digest": "sha256:1"}},
            "Protected tag restored: h/team/web:1",
            False,
        ),
        (
            {
                "event": "request.created",
                "task": TASK,
                "request": {
                    "message": "why",
                    "reason": "",
                    "decided_by": None,
                    "url": "https://portal.test/x",
                },
            },
            "Approval requested: docker.io/library/nginx:1 for team",
            True,
        ),
        ({"event": "some.thing"}, "some.thing", True),
    ],
)
def test_every_event_has_words(event: dict[str, Any], title: str, good: bool) -> None:
    message = message_of({**event, "project": {"name": "team"}})
    assert (message.title, message.good) == (title, good)
    assert message.url.startswith("https://portal.test/")


EXPIRED = "The request expired before a maintainer decided on it."


@pytest.mark.parametrize(
    ("verdict", "by", "language", "title", "text"),
    [
        ("approved", "ada", "en", "Approved by ada: docker.io/library/nginx:1 for team", ""),
        ("approved", "ada", "zh-hans", "ada 已批准：项目 team 申请导入 docker.io/library/nginx:1", ""),
        ("rejected", "ada", "en", "Rejected by ada: docker.io/library/nginx:1 for team", "Too old."),
        (
            "rejected",
            "ada",
            "zh-hans",
            "ada 已拒绝：项目 team 申请导入 docker.io/library/nginx:1",
            "Too old.",
        ),
        ("expired", None, "en", "Request expired: docker.io/library/nginx:1 for team", EXPIRED),
        (
            "expired",
            None,
            "zh-hans",
            "申请已过期：项目 team 申请导入 docker.io/library/nginx:1",
            "该申请在有效期内未得到处理，已经结束。",
        ),
    ],
)
def test_what_became_of_a_request_is_said_and_by_whom(
    verdict: str, by: str | None, language: str, title: str, text: str
) -> None:
    reason = "Too old." if verdict == "rejected" else ""
    request = {
        "verdict": verdict,
        "decided_by": by,
        "reason": reason,
        "message": "why",
        "url": "https://x.test/",
    }
    event = {
        "event": "request.decided",
        "project": {"name": "team"},
        "task": {**TASK, "error": EXPIRED if verdict == "expired" else ""},
        "request": request,
        "error_parts": {"template": EXPIRED, "params": {}} if verdict == "expired" else {},
    }
    with override(language):
        message = message_of(event)
    assert (message.title, message.text, message.good) == (title, text, verdict == "approved")


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        (
            "dingtalk",
            {"errcode": 310000, "errmsg": "keywords not in content"},
            "keywords not in content (310000)",
        ),
        ("dingtalk", {"errcode": 0, "errmsg": "ok"}, ""),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, "sign match fail (19021)"),
        ("feishu", {"StatusCode": 0}, ""),
        ("wecom", {"errcode": 93000}, "(93000)"),
        ("slack", {"errcode": 1}, ""),
        ("wecom", [], ""),
    ],
)
def test_a_refusal_with_status_200_is_one(name: str, answer: Any, said: str) -> None:
    assert refused(name, json.dumps(answer).encode()) == said
    assert refused(name, b"no json") == ""


@pytest.fixture
def receiver(settings: Any) -> Iterator[ScriptedServer]:
    reply = Reply(200, body=json.dumps({"errcode": 310000, "errmsg": "sign not match"}).encode())
    with ScriptedServer(lambda _request: reply) as server:
        settings.WEBHOOK_PRIVATE_HOSTS = [server.server_name]
        settings.OWN_ENDPOINTS = []
        yield server


def test_what_the_service_says_is_in_the_log_of_deliveries(receiver: ScriptedServer) -> None:
    url = f"{receiver.url}/robot/send?access_token=x"
    parcel = Parcel(Receiver(url, "SEC1", format="dingtalk"), uuid.uuid4(), "import.failed", EVENT)
    receipt = send(parcel)
    assert not receipt.delivered
    assert "sign not match" in str(receipt.error)
    (request,) = receiver.requests
    assert [name for name, _value in request.query] == ["access_token", "timestamp", "sign"]
    assert "x-portal-signature-256" not in request.headers
    assert "SEC1" not in request.body.decode()
