"""What is sent with each request, which URLs of a registry are taken, and its words for people."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oci.egress.door import Door, EgressPolicy
from oci.errors import OciError
from oci.registry.repository import Repository
from testbed.scripted_registry import ScriptedRegistry, redirect
from tests.oci.copying import client
from tests.oci.registry.reading import IMAGE, get_image

Make = Callable[..., ScriptedRegistry]


def test_every_request_names_the_product_and_wants_no_coding(source: ScriptedRegistry) -> None:
    get_image(source)
    headers = source.requests[-1].headers
    assert headers["user-agent"].startswith("registry-portal/")
    assert headers["accept-encoding"] == "identity"
    assert "vnd.oci.image.index.v1+json" in headers["accept"] and "manifest.list.v2+json" in headers["accept"]
    assert "cookie" not in headers


@pytest.mark.parametrize(
    "location", ["http://user:secret@127.0.0.1/", "ftp://127.0.0.1/", "http://a b/", "javascript:x"]
)
def test_a_redirect_to_no_usable_address_breaks_the_protocol(source: ScriptedRegistry, location: str) -> None:
    source.rule("GET", "/manifests/", redirect(location))
    with pytest.raises(OciError) as caught:
        get_image(source)
    assert caught.value.code == "protocol_error"
    assert "secret" not in str(caught.value)


def test_plain_http_elsewhere_is_refused_where_the_operator_did_not_allow_it(
    source: ScriptedRegistry, make_scripted: Make
) -> None:
    other = make_scripted(host="127.0.0.2")
    door = Door(EgressPolicy(private_sources=("127.0.0.1", "127.0.0.2"), insecure_sources=("127.0.0.1",)))
    source.rule("GET", "/manifests/", redirect(other.url + "{path}"))
    with pytest.raises(OciError, match="plain HTTP") as caught:
        get_image(source, door=door)
    assert caught.value.code == "blocked_address"
    assert not other.requests


def test_warnings_of_the_registry_are_kept_for_people(source: ScriptedRegistry) -> None:
    source.extra_headers = [
        ("Warning", '299 - "This image is \\"old\\"; move on"'),
        ("Warning", "199 - nonsense"),
    ]
    source.add_image("library/app", "v1", IMAGE)
    reader = client(source)
    Repository(reader, "library/app").get_manifest("v1")
    assert [template % params for template, params in reader.notes] == ['This image is "old"; move on']
