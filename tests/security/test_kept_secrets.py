"""Secrets are planted in every place that takes one, imports run to every end, and then everything is searched."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from django.test import Client

from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import attempt
from imageimport.worker.transports.base import Job
from registry_portal.observability.logs import logging_config
from testbed import crawl
from testbed.images import random_image
from testbed.portal import ADMIN
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from tests.security.conftest import Siege
from tests.support.factories import ProjectFactory
from tests.support.invariants import secrets_are_hidden
from tests.support.networks.operators_ways import (
    MIRROR,
    MIRROR_USER,
    PROXY,
    PROXY_USER,
    by_ways_of_the_operator,
)
from tests.support.people import make_user
from tests.support.rows import rows_of

#: A whole portal, on a machine that may be busy with others.
pytestmark = pytest.mark.timeout(480)

ONE_TIME, SAVED, HOOK = "cANARY/one-time+1", "cANARY-saved-2", "cANARY-hook-3"
WRONG, PERSON, PRESIGNED = "cANARY-wrong-4", "cANARY-person-Pw5", "cANARYpresigned6"
TYPED = "cANARY-typed-7"
USER = "reader"


def forms(secret: str, username: str = USER) -> set[str]:
    """A secret as it may show up: plain, in a URL, in base64 with or without its user name."""
    pair = base64.b64encode(f"{username}:{secret}".encode()).decode()
    return {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(), pair}


@pytest.fixture(scope="module")
def planted(siege: Siege) -> dict[str, str]:
    """Everything took place; the secrets by what they are."""
    portal, evil = siege.portal, siege.evil
    project = portal.project("kept")
    base = f"/projects/{project}"
    evil.sign_in = BasicSignIn({USER: ONE_TIME, "saved": SAVED, MIRROR_USER: MIRROR})
    for number, name in enumerate(("good", "saved", "redirected", "echo", "broken"), start=1):
        evil.add_image(f"kept/{name}", "1", random_image([4096], seed=number))
    evil.rule("GET", "kept/redirected/blobs/", _presigned)
    evil.rule("GET", "kept/echo/blobs/", _echo)
    evil.rule("GET", "kept/broken/manifests/", Reply(body=b"[" * 5000 + ONE_TIME.encode()))
    saved = portal.call(
        "POST",
        f"{base}/credentials",
        {"name": "evil", "registry": evil.server_name, "username": "saved", "password": SAVED},
    ).json()
    portal.call("POST", f"{base}/webhooks", {"url": "https://hooks.invalid/x", "secret": HOOK})
    robot = portal.call("POST", f"{base}/robots", {"name": "ci", "access": "pull"}).json()
    person = portal.manage("shell", "-v0", "-c", _MAKE_PERSON % PERSON)
    assert person.returncode == 0, person.stderr
    signed = portal.call("POST", "/auth/tokens", {"username": "person", "password": PERSON}, token="")
    assert signed.status_code == 201, signed.text
    for _ in range(2):
        portal.call("POST", "/auth/tokens", {"username": "person", "password": WRONG}, token="")
        requests.get(f"{portal.url}/service/token", auth=("person", WRONG), timeout=20)
    signed_in = crawl.signed_in(portal)
    assert signed_in.get(f"{portal.url}/admin/", timeout=20).status_code == 200
    pulled = requests.get(
        f"{portal.url}/service/token", auth=(robot["username"], robot["secret"]), timeout=20
    )
    assert pulled.status_code == 200
    one_time: dict[str, Any] = {"username": USER, "password": ONE_TIME}
    at = f"{evil.server_name}/kept"
    begun = {
        "saved": portal.submit(project, f"{at}/saved:1", credential=saved["id"]),
        "wrong": portal.submit(project, f"{at}/good:1", target_name="w", username=USER, password=WRONG),
        **{
            name: portal.submit(project, f"{at}/{name}:1", **one_time)
            for name in ("good", "redirected", "echo", "broken")
        },
    }
    ends = {name: portal.wait(project, task["id"], timeout=150) for name, task in begun.items()}
    _paste(siege, project, at)
    by_ways_of_the_operator(siege, project)
    evil.sign_in = None
    found = {name: f"{task['status']} {task['error_code']}".strip() for name, task in ends.items()}
    assert found["good"] == found["saved"] == "success", ends
    assert found["wrong"] == "failed unauthorized", ends["wrong"]
    assert found["echo"].startswith("failed") and found["broken"].startswith("failed"), found
    portal.call("POST", f"{base}/credentials/{saved['id']}/test")
    time.sleep(1)  # the worker's last lines
    secrets = portal.data_dir / "secrets"
    return {
        **{f"one-time {n}": form for n, form in enumerate(forms(ONE_TIME))},
        **{f"saved {n}": form for n, form in enumerate(forms(SAVED, "saved"))},
        **{f"wrong {n}": form for n, form in enumerate(forms(WRONG))},
        **{f"person {n}": form for n, form in enumerate(forms(PERSON, "person"))},
        **{f"typed {n}": form for n, form in enumerate(forms(TYPED))},
        **{f"proxy {n}": form for n, form in enumerate(forms(PROXY, PROXY_USER))},
        **{f"mirror {n}": form for n, form in enumerate(forms(MIRROR, MIRROR_USER))},
        "presigned": PRESIGNED,
        "webhook": HOOK,
        "robot": robot["secret"],
        "token": signed.json()["token"],
        "administrator's token": portal.token,
        "administrator's session": signed_in.cookies["sessionid"],
        "administrator": portal.password,
        **siege.given,
        **{
            name: (secrets / name).read_text(encoding="utf-8").strip()
            for name in ("cryptography_keys", "registry_http_secret", "notification_token")
        },
        "token_service.key": (secrets / "token_service.key").read_text(encoding="utf-8").splitlines()[1],
    }


def _paste(siege: Siege, project: str, at: str) -> None:
    """Commands with a password in them, wherever a text is taken: understood ones, and ones that are refused."""
    portal, base = siege.portal, f"/projects/{project}"
    commands = [
        f"podman pull --creds {USER}:{TYPED} {at}/good:1",
        f"ctr images pull -u {USER}:{TYPED} {at}/good:1",
        f"crictl pull -u{USER}:{TYPED} {at}/good:1",
        f"helm pull --username {USER} --password={TYPED} oci://{at}/good --version 1",
        f"docker pull --password {TYPED} {at}/good:1 # {TYPED}",
    ]
    refused = [
        f"docker login -u {USER} -p {TYPED} {at} && docker pull {at}/good:1",
        f"REGISTRY_PASSWORD={TYPED}",
        f"curl -u {USER}:{TYPED} http://{at}/good:1",
        f"{USER}:{TYPED}@{at}/good:1",
    ]
    for number, command in enumerate(commands):
        task = portal.submit(project, command, target_name=f"typed-{number}")
        assert portal.wait(project, task["id"], timeout=60)["error_code"] == "unauthorized"
        assert portal.call("POST", f"{base}/images/import/plan", {"image_url": command}).status_code == 422
    for text in refused:
        for path, body in (
            ("images/import", {"image_url": text}),
            ("images/import/plan", {"image_url": text}),
            ("images/import/batches", {"images": [text, *commands]}),
        ):
            answer = portal.call("POST", f"{base}/{path}", body)
            assert answer.status_code == 400 and TYPED not in answer.text, path
    batch = portal.call(
        "POST",
        f"{base}/images/import/batches",
        {"images": [{"image_url": text, "target_name": f"b-{n}"} for n, text in enumerate(commands)]},
    )
    assert batch.status_code == 202, batch.text
    sync = portal.call(
        "POST", f"{base}/schedules", {"image_url": commands[0], "cron": "0 3 1 1 *", "enabled": False}
    )
    assert sync.status_code == 201, sync.text


_MAKE_PERSON = (
    "from django.contrib.auth.models import User; User.objects.create_user('person', password='%s')"
)


def _presigned(request: Request, _proceed: Callable[[], Reply]) -> Reply:
    """Storage that is not there, by a URL whose query is a right."""
    url = f"http://{request.server}/gone?X-Amz-Signature={PRESIGNED}&X-Amz-Credential={PRESIGNED}"
    return Reply(307, [("Location", url)])


def _echo(request: Request, _proceed: Callable[[], Reply]) -> Reply:
    """An error page that repeats what it was sent."""
    said = json.dumps(request.headers) + base64.b64decode(request.authorization.partition(" ")[2]).decode()
    body = f"<html><script>alert(1)</script>\x1b[31m{said} {ONE_TIME}</html>"
    return Reply(403, [("Content-Type", "text/html")], body.encode())


def hidden(planted: dict[str, str], *leave_out: str) -> dict[str, str]:
    return {name: secret for name, secret in planted.items() if name not in leave_out}


def found_in(planted: dict[str, str], places: Iterator[tuple[str, bytes]]) -> set[str]:
    """Which secret is where."""
    return {
        f"{name} in {place}"
        for place, content in places
        for name, secret in planted.items()
        if secret.encode() in content
    }


def test_the_database_holds_no_secret_in_clear(siege: Siege, planted: dict[str, str]) -> None:
    data = siege.portal.data_dir
    files = sorted(data.glob("portal.sqlite3*"))
    assert files
    assert found_in(planted, ((path.name, path.read_bytes()) for path in files)) == set()
    assert secrets_are_hidden(planted.values(), rows=rows_of(data)) == []


def test_redis_holds_no_secret(siege: Siege, planted: dict[str, str]) -> None:
    rows = rows_of(siege.portal.data_dir)
    assert secrets_are_hidden(planted.values(), rows=rows, redis_url=siege.portal.services["redis_url"]) == []


def test_the_logs_hold_no_secret(siege: Siege, planted: dict[str, str]) -> None:
    said = siege.portal.output()
    assert "import.started" in said and "import.failed" in said, "there is nothing to search"
    assert found_in(planted, iter([("the log", said.encode())])) == set()
    assert "\x1b[31m" not in said, "terminal escapes of a registry reach the operator's terminal"


def test_no_process_has_a_source_secret_in_its_arguments_or_environment(
    siege: Siege, planted: dict[str, str]
) -> None:
    """What the operator gave in the environment stands there; nothing else does."""
    pids = siege.portal.pids()
    assert len(pids) > 4
    secrets = hidden(planted, *siege.given, "administrator")
    assert secrets_are_hidden(secrets.values(), rows=rows_of(siege.portal.data_dir), pids=pids) == []


def test_no_page_shows_a_secret(siege: Siege, planted: dict[str, str]) -> None:
    pages = list(
        crawl.crawl(
            siege.portal, "/", "/sources/", "/accounts/", "/projects/kept/settings/", "/admin/", most=160
        )
    )
    assert len(pages) > 60
    assert [path for path, answer in pages if answer.status_code not in (200, 403, 404, 405)] == []
    assert any("kept/echo" in answer.text for _path, answer in pages), "the imports were not among them"
    assert any(f"http://{PROXY_USER}@127.0.0.1" in answer.text for _path, answer in pages), (
        "nor were the sources"
    )
    assert found_in(planted, ((path, answer.content) for path, answer in pages)) == set()


def test_the_api_shows_no_secret(siege: Siege, planted: dict[str, str]) -> None:
    portal = siege.portal
    base = f"/projects/{portal.project('kept')}"
    lists = (
        "/images/import",
        "/images",
        "/credentials",
        "/webhooks",
        "/robots",
        "/members",
        "/audit",
        "/schedules",
    )
    paths = [f"{base}{path}" for path in lists] + ["/auth/tokens", "/projects", "/sources", base]
    rows = portal.call("GET", f"{base}/images/import?page_size=200").json()["results"]
    paths += [f"{base}/images/import/{row['id']}" for row in rows]
    answers = [(path, portal.call("GET", path)) for path in paths]
    assert {answer.status_code for _path, answer in answers} == {200}
    assert found_in(planted, ((path, answer.content) for path, answer in answers)) == set()


def test_one_time_credentials_are_erased_where_they_are_not_needed_any_more(
    siege: Siege, planted: dict[str, str]
) -> None:
    rows = rows_of(siege.portal.data_dir).query("SELECT status, password FROM image_import_tasks")
    assert {bool(row["password"]) for row in rows if row["status"] in ("success", "canceled")} == {False}
    assert any(row["password"] for row in rows if row["status"] == "failed"), "kept for a retry, sealed"


def test_generated_secrets_are_the_operators_alone(siege: Siege) -> None:
    directory = siege.portal.data_dir / "secrets"
    assert directory.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in directory.iterdir()} == {0}


# --- when something of ours breaks ----------------------------------------------------------------------------


class Lines(logging.Handler):
    """Log lines as the console handler writes them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        formatter = dict(logging_config("DEBUG", "console")["formatters"]["scrubbed"])
        self.setFormatter(formatter.pop("()")(**formatter))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_free", "target")
def test_a_defect_with_a_secret_in_its_message_tells_nobody(
    source: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def explode(job: Job) -> Any:
        credential = job.source.credential
        assert credential is not None
        raise RuntimeError(f"cannot {credential.username}:{credential.password} {credential.basic()}")

    monkeypatch.setattr(attempt, "open_transport", explode)
    request = ImportRequest(image_url=f"{source.server_name}/a/b:1", username=USER, password=ONE_TIME)
    services.submit(project=ProjectFactory(), user=None, request=request)
    (task,) = work()
    assert task.error_code == "internal_error"
    said = "\n".join(lines.lines)
    assert "RuntimeError" in said, "the traceback is in the log"
    everything = said + repr((task.error, task.message, task.error_parts, list(task.history.values())))
    assert not [form for form in forms(ONE_TIME) if form in everything]


@pytest.mark.django_db
def test_an_error_page_tells_nothing_of_what_went_wrong(
    settings: Any, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(**_: Any) -> Any:
        secret = PERSON
        raise RuntimeError(f"broken {len(secret)} in {settings.SECRET_KEY[:0]}somewhere")

    monkeypatch.setattr("accounts.views.check_password", explode)
    client = Client(raise_request_exception=False)
    make_user("ann")
    answer = client.post("/accounts/login/", {"username": "ann", "password": PERSON})
    assert answer.status_code == 500
    page = answer.content.decode()
    for word in (
        PERSON,
        "RuntimeError",
        "Traceback",
        "check_password",
        settings.SECRET_KEY,
        "/accounts/views",
    ):
        assert word not in page
    assert PERSON not in "\n".join(lines.lines)


def test_the_administrator_is_asked_for_by_name(siege: Siege) -> None:
    """The banner names the account, and not the password that the operator gave."""
    assert ADMIN in siege.portal.output()
    assert siege.portal.password not in siege.portal.output()
