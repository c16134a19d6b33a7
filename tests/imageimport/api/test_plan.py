"""``…/images/import/plan`` as the contract says it."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from imageimport.models import ImportTask
from projects.models import Project
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.developing import project

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)


def plan(api: APIClient, project: Project, **body: Any) -> Any:
    return api.post(f"/api/v1/projects/{project.pk}/images/import/plan", body)


def test_it_has_the_contracts_fields(
    api: APIClient, project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    digest = source.add_image("app/web", "1", random_image([1000], seed=1))
    source.extra_headers = [("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")]
    answer = plan(api, project, image_url=f"{source.server_name}/app/web:1")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert set(body) == {
        "source_image", "source_digest", "media_type", "target_image", "target_digest", "platforms", "bytes_total",
        "bytes_present", "bytes_to_transfer", "referrers", "rate_limit", "warnings",
        "source_platforms",
    }  # fmt: skip
    assert (body["source_digest"], body["target_digest"]) == (digest, None)
    assert body["source_platforms"] == ["linux/amd64"]
    assert set(body["platforms"][0]) == {"platform", "digest", "size"}
    assert body["rate_limit"] == {"limit": 100, "remaining": 76, "window_seconds": 21600}
    assert all(isinstance(warning, str) for warning in body["warnings"])
    assert not ImportTask.objects.exists()


def test_a_source_that_can_not_be_read_is_422_with_the_imports_code(
    api: APIClient, project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    answer = plan(api, project, image_url=f"{source.server_name}/no/such:1")
    assert (answer.status_code, answer.json()["code"]) == (422, "not_found")
    assert "no/such:1" in answer.json()["detail"]


def test_a_rate_limit_says_when(
    api: APIClient, project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.rule("", "/manifests/", Reply(429, [("Retry-After", "300")]))
    answer = plan(api, project, image_url=f"{source.server_name}/app/web:1")
    assert (answer.status_code, answer.json()["code"]) == (422, "rate_limited")


def test_a_private_registry_that_is_away_is_503(
    api: APIClient,
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imageimport.submission.planning.RETRY_SECONDS", 0.0)
    source.add_image("app/web", "1", random_image([1000], seed=1))
    target.stop()
    answer = plan(api, project, image_url=f"{source.server_name}/app/web:1")
    assert (answer.status_code, answer.json()["code"]) == (503, "target_error")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("body", [{}, {"image_url": "Bad!!"}, {"image_url": "10.0.0.1/x"}])
def test_wrong_fields_are_named(api: APIClient, project: Project, body: dict[str, Any]) -> None:
    answer = plan(api, project, **body)
    assert (answer.status_code, list(answer.json())) == (400, ["image_url"])
