"""Every host that an import talks to learns who asks: Docker Hub refuses those that do not say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.webhooks import services as webhooks
from oci.registry.endpoint import USER_AGENT
from projects.models import Role
from testbed.images import random_image
from testbed.scripted_auth import BearerSignIn, TokenServer
from testbed.scripted_http import Reply, ScriptedServer
from testbed.scripted_registry import ScriptedRegistry, redirect
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def started() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_each_request_of_an_import_names_the_product(
    settings: Any,
    started: ExitStack,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    mirror = started.enter_context(ScriptedRegistry(host="127.0.0.3"))
    storage = started.enter_context(ScriptedRegistry(host="127.0.0.4"))
    tokens = started.enter_context(TokenServer(host="127.0.0.5"))
    receiver = started.enter_context(ScriptedServer(lambda _request: Reply(204), host="127.0.0.6"))
    settings.IMPORT_PRIVATE_SOURCES = ["127.0.0.0/8"]
    settings.IMPORT_INSECURE_SOURCES = [f"127.0.0.{number}" for number in range(1, 10)]
    settings.IMPORT_REGISTRY_MIRRORS = {source.server_name: [mirror.url]}
    settings.WEBHOOK_PRIVATE_HOSTS = [receiver.server_name]
    image = random_image([3000], seed=81)
    source.add_image("app/web", "1", image)
    source.sign_in = BearerSignIn(tokens)
    source.rule("GET", "/blobs/", redirect(storage.url + "{path}"))
    storage.add_image("app/web", "1", image)
    user, project = member(Role.MAINTAINER)
    webhooks.create(
        project=project, user=user, wanted=webhooks.NewWebhook(url=f"{receiver.url}/hook", secret="s3cret")
    )
    services.submit(project=project, user=user, request=ImportRequest(f"{source.server_name}/app/web:1"))
    (task,) = work()
    assert task.status == "success", task.error
    assert webhooks.deliver_due() == 1
    for server in (source, mirror, storage, tokens, target, receiver):
        assert server.requests, server.server_name
        said = {request.headers.get("user-agent") for request in server.requests}
        assert said == {USER_AGENT}, server.server_name
