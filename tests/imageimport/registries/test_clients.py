"""What imports may contact, by the rules of sources."""

from __future__ import annotations

from typing import Any

import pytest

from imageimport.registries import clients, sources
from imageimport.sources import services
from oci.errors import OciError
from oci.reference.parser import parse_reference
from oci.urls import Url
from tests.imageimport.registries.rules import make, no_environment, proxy_of

__all__ = ["no_environment"]
pytestmark = pytest.mark.django_db


def test_mirrors_come_with_their_path_and_account_and_docker_hub_has_one_name(settings: Any) -> None:
    mirror = {"url": "https://m.example/docker.io", "username": "robot", "password": "secret-m"}
    make("docker.io", mirrors=[mirror, {"url": "https://other.example"}])
    first, second, last = (
        place.repository for place in clients.source_places(parse_reference("nginx"), user=None)
    )
    assert first.host == "m.example"
    assert first.path == "docker.io/library/nginx"
    assert (first.client.session.sign_in.account, second.client.session.sign_in.account) == ("robot", "")
    assert last.host == "registry-1.docker.io"
    assert len(clients.source_places(parse_reference("ghcr.io/a/b"), user=None)) == 1
    settings.IMPORT_REGISTRY_MIRRORS = {"docker.io": ("https://env.example",)}
    assert [each.url for each in sources.mirrors_of("docker.io")] == ["https://env.example"]


def test_a_registry_that_is_read_by_mirrors_only_is_never_contacted_itself() -> None:
    make("registry-1.docker.io", mirrors=[{"url": "https://m.example"}], mirrors_only=True)
    (only,) = clients.source_places(parse_reference("nginx"), user=None)
    assert only.repository.host == "m.example"


@pytest.mark.parametrize("entry", ["ghcr.io", "ghcr.io:443", "GHCR.IO"])
@pytest.mark.parametrize("image", ["ghcr.io/a/b", "ghcr.io:443/a/b", "ghcr.io:80/a/b", "GHCR.io:0443/a/b"])
def test_a_usual_port_is_no_way_around_mirrors_only(settings: Any, entry: str, image: str) -> None:
    settings.IMPORT_REGISTRY_MIRRORS = {"ghcr.io": ("https://m.example",)}
    settings.IMPORT_MIRRORS_ONLY = [entry]
    (only,) = clients.source_places(parse_reference(image), user=None)
    assert only.repository.host == "m.example"


def test_what_may_be_private_or_insecure_is_so_by_any_rule() -> None:
    source = parse_reference("registry.inside.example:5000/a/b")
    with pytest.raises(OciError):
        clients.check_literal_source(parse_reference("10.1.2.3:5000/a/b"))
    make("10.0.0.0/8", private=True, insecure=True)
    make("*.inside.example", private=True, insecure=True)
    clients.check_literal_source(parse_reference("10.1.2.3:5000/a/b"))
    door = clients.import_door()
    assert door.scheme_for("10.1.2.3", 5000) == "http"
    assert door.scheme_for("registry.inside.example", 5000) == "http"
    assert door.scheme_for("inside.example", 5000) == "https"
    clients.check_literal_source(source)


def test_an_attempt_keeps_the_rules_that_it_began_with() -> None:
    rule = make("ghcr.io", proxy="http://one.example:3128")
    (place,) = clients.source_places(parse_reference("ghcr.io/a/b"), user=None)
    services.delete(rule=rule)
    kept = place.repository.client._transport.proxy_for(Url("https", "ghcr.io", 443))
    assert kept is not None and kept.name == "one.example:3128"
    assert proxy_of("ghcr.io") == "direct"
