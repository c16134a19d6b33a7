"""Imports whose proxy is away, refuses or dies: people are told which proxy and why, and it goes on afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imageimport.models import ImportTask, SourceWay
from imageimport.sources import services as source_rules
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from testbed.images import random_image
from testbed.scripted_proxy import Fault, ScriptedProxy
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)
IMAGE = random_image([2_500_000], seed=61)
SECRET = "cANARY-proxy"
Work = Callable[[], list[ImportTask]]
#: What a proxy does, by what it is called, and a part of the sentence.
FAULTS = {
    "gone": (Fault(raw=b""), "broke"),
    "403": (Fault(status=403, headers=["Server: tinyproxy/1.11"]), "does not allow connections"),
    "407": (Fault(status=407), "rejected the username or password"),
}


@pytest.fixture
def ask(source: ScriptedRegistry, settings: Any) -> Callable[[ScriptedProxy], None]:
    """Asks for an import by a proxy of the operators' table."""
    source.add_image("ns/app", "1", IMAGE)

    def submit(proxy: ScriptedProxy) -> None:
        source_rules.create(
            user=None, pattern=source.server_name, proxy=f"http://portal@{proxy.name}", proxy_password=SECRET
        )
        request = ImportRequest(image_url=f"{source.server_name}/ns/app:1")
        services.submit(project=ProjectFactory(), user=None, request=request)

    settings.IMPORT_MAX_ATTEMPTS = 1
    return submit


def check_told(task: ImportTask, proxy: ScriptedProxy, part: str) -> None:
    assert (task.status, task.error_code) == ("failed", "proxy_error"), task.error
    assert proxy.name in task.error and part in task.error
    way = SourceWay.objects.get(via=proxy.name)
    assert (way.error_code, way.error) == ("proxy_error", task.error)
    kept = (task.error, task.error_parts, task.message_parts, way.error_parts)
    assert SECRET not in repr((kept, list(task.history.values())))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_proxy_that_refuses_is_named_and_a_retry_comes_by_it(
    target: ScriptedRegistry, ask: Callable[[ScriptedProxy], None], work: Work, fault: str
) -> None:
    with ScriptedProxy(account=("portal", SECRET)) as proxy:
        proxy.fault, part = FAULTS[fault]
        ask(proxy)
        (task,) = work()
        check_told(task, proxy, part)
        proxy.fault = None
        services.retry(task=task, user=None)
        again = work()[-1]
    assert (again.status, again.via) == ("success", proxy.name), again.error


def test_an_absent_proxy_is_named_and_a_retry_comes_by_it_once_it_is_there(
    target: ScriptedRegistry, ask: Callable[[ScriptedProxy], None], work: Work
) -> None:
    absent = ScriptedProxy(account=("portal", SECRET))
    absent.close()
    ask(absent)
    (task,) = work()
    check_told(task, absent, "Can't reach")
    with ScriptedProxy(account=("portal", SECRET), port=absent.port):
        services.retry(task=task, user=None)
        again = work()[-1]
    assert (again.status, again.via) == ("success", absent.name), again.error


def test_a_proxy_that_dies_inside_a_layer_costs_no_attempt_and_no_byte_twice(
    source: ScriptedRegistry, target: ScriptedRegistry, ask: Callable[[ScriptedProxy], None], work: Work
) -> None:
    with ScriptedProxy(account=("portal", SECRET)) as proxy:
        proxy.cut_after = 1_500_000
        ask(proxy)
        (task,) = work()
    assert (task.status, task.attempts) == ("success", 1), task.error
    begun = [each.headers.get("range", "") for each in source.seen("GET", f"/blobs/{IMAGE.blobs[1].digest}")]
    assert len(begun) == 2 and begun[1].startswith("bytes=") and not begun[1].startswith("bytes=0-"), begun
