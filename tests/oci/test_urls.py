"""URLs out of headers: strict, and resolved as RFC 3986 says."""

from __future__ import annotations

import pytest

from oci.urls import Url, parse_url, resolve

BASE = parse_url("https://registry.example/v2/a/blobs/uploads/1?state=x")


def test_an_absolute_url_in_its_parts() -> None:
    found = parse_url("HTTPS://Registry.Example.:8443/v2/?a=b#frag")
    assert found == Url("https", "registry.example", 8443, "/v2/", "a=b")
    assert found.authority == "registry.example:8443"
    assert found.target == "/v2/?a=b"


def test_the_usual_port_is_not_written() -> None:
    assert parse_url("http://a:80").authority == "a"
    assert parse_url("https://a").port == 443


def test_ipv6_keeps_its_brackets_in_the_host_header() -> None:
    assert parse_url("http://[::1]:5000/").authority == "[::1]:5000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://a/",
        "//a/",
        "/a",
        "http://",
        "http:///a",
        "http://user@a/",
        "http://user:pass@a/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:port/",
        "http://a b/",
        "http://a/\r\nX: y",
        "http://a/\tb",
        "http://a\\@b/",
        "http://a/\\b",
        "http://ä/",
        "http://a/ä",
        "http://①②⑦.⓪.⓪.①/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://" + "a" * 20_000,
    ],
)
def test_what_is_not_a_plain_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"URL|port|host"):
        parse_url(text)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://other.example/x?y", "https://other.example/x?y"),
        ("//other.example/x", "https://other.example/x"),
        ("/v2/b?c=d", "https://registry.example/v2/b?c=d"),
        ("2?d", "https://registry.example/v2/a/blobs/uploads/2?d"),
        ("../x", "https://registry.example/v2/a/blobs/x"),
        ("./x/", "https://registry.example/v2/a/blobs/uploads/x/"),
        ("/../../etc", "https://registry.example/etc"),
        ("?state=y", "https://registry.example/v2/a/blobs/uploads/1?state=y"),
        ("", "https://registry.example/v2/a/blobs/uploads/1?state=x"),
        ("#part", "https://registry.example/v2/a/blobs/uploads/1?state=x"),
    ],
)
def test_locations_lead_where_the_standard_says(location: str, expected: str) -> None:
    found = resolve(BASE, location)
    assert f"{found.scheme}://{found.authority}{found.target}" == expected


@pytest.mark.parametrize(
    "location", ["/a\nb", "/a\x00", "gopher://a", "//user@a/", "/ä", "\\\\a\\b", "mailto:x"]
)
def test_locations_that_lead_nowhere(location: str) -> None:
    with pytest.raises(ValueError, match=r"URL|port|host"):
        resolve(BASE, location)


def test_a_query_is_never_shown() -> None:
    url = parse_url("https://storage.example/blob?signature=secret")
    assert "secret" not in str(url)
    assert "secret" not in repr(url)


def test_a_parameter_is_added_to_the_query_that_is_there() -> None:
    assert parse_url("http://a/b?c=d").with_query("e=f").target == "/b?c=d&e=f"
    assert parse_url("http://a/b").with_query("e=f").target == "/b?e=f"
