"""A mirror that is behind its registry: the import says so, in its row and over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import Role
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import member
from tests.support.people import bearer, call

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_import_from_a_mirror_that_is_behind_says_which_and_what_the_registry_has(
    settings: Any,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    new = source.add_image("app/web", "1", random_image([3000], seed=1))
    user, project = member(Role.DEVELOPER)
    with ScriptedRegistry(host="127.0.0.3") as mirror:
        old = mirror.add_image("app/web", "1", random_image([3000], seed=2))
        settings.IMPORT_REGISTRY_MIRRORS = {source.server_name: [mirror.url]}
        services.submit(project=project, user=user, request=ImportRequest(f"{source.server_name}/app/web:1"))
        (task,) = work()
    assert (task.status, task.digest, task.via) == ("success", old, mirror.server_name), task.error
    row = call("GET", f"/projects/{project.pk}/images/import/{task.pk}", None, bearer(user)).json()
    assert mirror.server_name in row["message"] and new in row["message"]
