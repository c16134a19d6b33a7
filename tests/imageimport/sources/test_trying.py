"""A rule that is tried says by which way an image was reached."""

from __future__ import annotations

import pytest

from imageimport.models import SourceWay
from imageimport.sources import services
from stack.sample import sample_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_proxy import Fault, ScriptedProxy
from testbed.scripted_registry import ScriptedRegistry
from tests.support.people import Team, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def headers() -> dict[str, str]:
    return Team.make().bearer("superuser")


def test_a_test_says_by_which_way_the_image_was_reached(
    headers: dict[str, str], source: ScriptedRegistry
) -> None:
    digest = source.add_image("ns/app", "1", sample_image())
    with ScriptedProxy(account=("user", "secret-p")) as proxy:
        rule = services.create(
            user=None, pattern="127.0.0.1", proxy=proxy.url("socks5", "user"), proxy_password="secret-p"
        )
        body = {"image_url": f"{source.server_name}/ns/app:1"}
        answer = call("POST", f"/sources/{rule.pk}/test", body, headers)
        said = answer.json()
        assert said.keys() == {"reached", "via", "seconds", "digest", "code", "detail"}
        assert (said["reached"], said["via"], said["digest"], said["code"]) == (True, proxy.name, digest, "")
        assert 0 < said["seconds"] < 25
        proxy.fault = Fault(reply=2)
        said = call("POST", f"/sources/{rule.pk}/test", body, headers).json()
        assert (said["reached"], said["via"], said["code"]) == (False, proxy.name, "proxy_error")
        assert proxy.name in said["detail"]
        assert "secret-p" not in str(said)
    (way,) = SourceWay.objects.all()
    assert (way.registry, way.via, way.error_code) == (source.server_name, proxy.name, "proxy_error")
    (seen,) = call("GET", f"/sources/{rule.pk}", None, headers).json()["ways"]
    assert (seen["via"], seen["error_code"], seen["speed"]) == (proxy.name, "proxy_error", None)
    assert proxy.name in seen["error"]


def test_a_test_names_the_mirror_that_failed_and_the_place_that_answered(
    headers: dict[str, str], source: ScriptedRegistry
) -> None:
    digest = source.add_image("ns/app", "1", sample_image())
    with ScriptedRegistry() as mirror:
        mirror.sign_in = BasicSignIn({"robot": "right"})
        rule = services.create(
            user=None,
            pattern=source.server_name,
            mirrors=[{"url": mirror.url, "username": "robot", "password": "secret-m"}],
        )
        body = {"image_url": f"{source.server_name}/ns/app:1"}
        said = call("POST", f"/sources/{rule.pk}/test", body, headers).json()
    assert (said["reached"], said["via"], said["digest"], said["code"]) == (True, "", digest, "unauthorized")
    assert mirror.server_name in said["detail"]
    assert "secret-m" not in str(said)


def test_what_is_not_there_was_reached_all_the_same(
    headers: dict[str, str], source: ScriptedRegistry
) -> None:
    rule = services.create(user=None, pattern="quay.io")
    said = call(
        "POST", f"/sources/{rule.pk}/test", {"image_url": f"{source.server_name}/no/such:1"}, headers
    ).json()
    assert (said["reached"], said["digest"], said["code"]) == (True, "", "not_found")
