"""Each chat service, as its documentation has it, takes what the portal sends over HTTP, and refuses what is signed
otherwise.

Sources: docs.slack.dev, "Sending messages using incoming webhooks"; learn.microsoft.com, "Create incoming webhooks with
Workflows", and adaptivecards.io; open.dingtalk.com, custom robots and their security settings; open.feishu.cn, custom
bots; developer.work.weixin.qq.com, group robots.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from imageimport.choices import WebhookEvent
from imageimport.models import Webhook, WebhookDelivery
from imageimport.webhooks import outbox
from imageimport.webhooks import services as webhooks
from projects.models import Role
from testbed.scripted_http import Reply, Request, ScriptedServer
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "SEC0123"
ID = "01a21e86-97e0-7fce-9ee4-401a00f6a2b0"
WAY = f"https://portal.test/projects/team/imports/{ID}/"
TITLE = "Import failed: docker.io/library/my_app:1"
TEXT = "No <route> & *no* way."
TASK = {
    "id": ID,
    "source_image": "docker.io/library/my_app:1",
    "target_image": "registry.test/team/my_app:1",
    "error": TEXT,
}
MARKDOWN = (
    f"**Import failed: docker.io/library/my\\_app:1**\n\nNo \\<route\\> & \\*no\\* way.\n\n[Open]({WAY})"
)


def answered(**body: Any) -> Reply:
    return Reply(200, [("Content-Type", "application/json")], json.dumps(body).encode())


def slack(request: Request) -> Reply:
    """Answers ``ok``, or 400 with a word."""
    told = json.loads(request.body)
    (block,) = told.pop("blocks")
    words = block["text"]["text"]
    if told.keys() != {"text"} or block.keys() != {"type", "text"} or not 0 < len(words) <= 3000:
        return Reply(400, body=b"invalid_blocks")
    assert told["text"] == TITLE
    assert block["type"] == "section"
    escaped = "No &lt;route&gt; &amp; *no* way."
    assert block["text"] == {"type": "mrkdwn", "text": f":x: *<{WAY}|{TITLE}>*\n{escaped}"}
    return Reply(200, body=b"ok")


def teams(request: Request) -> Reply:
    """A workflow answers 202 and nothing."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {
                "type": "TextBlock",
                "text": TITLE.replace("_", "\\_"),
                "weight": "Bolder",
                "wrap": True,
                "color": "Attention",
            },
            {"type": "TextBlock", "text": "No \\<route\\> & \\*no\\* way.", "wrap": True},
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": WAY}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": kind, "contentUrl": None, "content": card}
    assert json.loads(request.body) == {"type": "message", "attachments": [attachment]}
    return Reply(202)


def dingtalk(request: Request) -> Reply:
    """The signature is in the address; its time in milliseconds and at most an hour away."""
    moment = request.asked("timestamp")
    expected = hmac.new(SECRET.encode(), f"{moment}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert abs(int(moment) / 1000 - time.time()) < 3600
    if base64.b64decode(request.asked("sign")) != expected:
        return answered(errcode=310000, errmsg="sign not match")
    assert request.asked("access_token") == "t"
    markdown = {"title": TITLE, "text": MARKDOWN}
    assert json.loads(request.body) == {"msgtype": "markdown", "markdown": markdown}
    return answered(errcode=0, errmsg="ok")


def feishu(request: Request) -> Reply:
    """The signature is in the body, made of an empty text with the secret in the key; its time in seconds."""
    told = json.loads(request.body)
    moment, sign = told.pop("timestamp"), told.pop("sign")
    expected = hmac.new(f"{moment}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert abs(int(moment) - time.time()) < 3600
    if base64.b64decode(sign) != expected:
        return answered(code=19021, msg="sign match fail or timestamp is not within one hour")
    button = {
        "tag": "button",
        "text": {"tag": "plain_text", "content": "Open"},
        "url": WAY,
        "type": "primary",
    }
    assert told == {
        "msg_type": "interactive",
        "card": {
            "header": {"title": {"tag": "plain_text", "content": TITLE}, "template": "red"},
            "elements": [
                {"tag": "div", "text": {"tag": "plain_text", "content": TEXT}},
                {"tag": "action", "actions": [button]},
            ],
        },
    }
    return answered(StatusCode=0, StatusMessage="success", code=0, data={}, msg="success")


def wecom(request: Request) -> Reply:
    """At most 4,096 bytes of text."""
    told = json.loads(request.body)
    if len(told["markdown"]["content"].encode()) > 4096:
        return answered(errcode=40058, errmsg="markdown.content exceed max length 4096")
    assert request.query == [("key", "k")]
    assert told == {"msgtype": "markdown", "markdown": {"content": MARKDOWN}}
    return answered(errcode=0, errmsg="ok")


SERVICES: dict[str, tuple[str, Callable[[Request], Reply]]] = {
    "slack": ("/services/T0/B0/x", slack),
    "teams": ("/workflows/x/triggers/manual/paths/invoke?api-version=1&sig=s", teams),
    "dingtalk": ("/robot/send?access_token=t", dingtalk),
    "feishu": ("/open-apis/bot/v2/hook/x", feishu),
    "wecom": ("/cgi-bin/webhook/send?key=k", wecom),
}


@pytest.fixture
def server(settings: Any) -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _request: Reply(500)) as server:
        settings.WEBHOOK_PRIVATE_HOSTS = [server.server_name]
        settings.OWN_ENDPOINTS = []
        settings.PORTAL_URL = "https://portal.test"
        yield server


def told(server: ScriptedServer, name: str, secret: str) -> WebhookDelivery:
    """What becomes of a failed import that a webhook of this format hears of."""
    path, service = SERVICES[name]
    server._handler = service
    user, project = member(Role.MAINTAINER)
    wanted = webhooks.NewWebhook(url=server.url + path, format=name, secret=secret, language="en")
    webhooks.create(project=project, user=user, wanted=wanted)
    event = WebhookEvent.IMPORT_FAILED
    payload = {"event": event.value, "project": {"name": "team"}, "task": TASK}
    outbox.enqueue(project_id=project.pk, event=event, failed=True, make=lambda: payload)
    assert webhooks.deliver_due() == 1
    return WebhookDelivery.objects.get()


def test_every_format_has_its_service_here() -> None:
    assert SERVICES.keys() | {Webhook.Format.JSON.value} == set(Webhook.Format.values)


@pytest.mark.parametrize("name", SERVICES)
def test_the_service_takes_what_is_sent(name: str, server: ScriptedServer) -> None:
    delivery = told(server, name, SECRET)
    (request,) = server.requests
    assert request.method == "POST"
    assert request.path == SERVICES[name][0].partition("?")[0]
    assert request.headers["content-type"] == "application/json"
    assert SECRET.encode() not in request.body
    assert (delivery.error, delivery.state) == ("", WebhookDelivery.State.DELIVERED)


@pytest.mark.parametrize(("name", "said"), [("dingtalk", "sign not match"), ("feishu", "sign match fail")])
def test_a_signature_with_another_secret_is_refused_and_the_log_says_so(
    name: str, said: str, server: ScriptedServer
) -> None:
    delivery = told(server, name, "another")
    assert delivery.state == WebhookDelivery.State.PENDING
    assert said in delivery.error
