"""Rules for proxies as text: patterns, URLs, and curl's variables."""

from __future__ import annotations

import pytest

from oci.egress.proxies import HostPattern, Proxy, parse_proxy, parse_rules, proxy_for

PROXY = Proxy("http", "proxy.example", 3128)


def way_of(text: str, host: str, *, tls: bool = True, environ: dict[str, str] | None = None) -> str:
    found = proxy_for(parse_rules(text, environ or {}), host, 443, tls=tls)
    return "direct" if found is None else f"{found.scheme}://{found.name}"


@pytest.mark.parametrize(
    ("pattern", "host", "port", "fits"),
    [
        ("ghcr.io", "ghcr.io", 443, True),
        ("GHCR.io", "ghcr.io", 443, True),
        ("ghcr.io", "pkg.ghcr.io", 443, False),
        ("*.example.com", "a.example.com", 443, True),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "notexample.com", 443, False),
        ("registry.example.com:5000", "registry.example.com", 5000, True),
        ("registry.example.com:5000", "registry.example.com", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.0/8", "ten.example", 443, False),
        ("2001:db8::/32", "2001:db8::1", 443, True),
        ("[2001:db8::1]:5000", "2001:db8::1", 5000, True),
        ("*", "anything.example", 443, True),
        ("*", "10.1.2.3", 5000, True),
        ("docker.io", "registry-1.docker.io", 443, True),
        ("docker.io", "auth.docker.io", 443, True),
        ("docker.io", "hub.docker.io", 443, False),
        ("registry-1.docker.io", "auth.docker.io", 443, False),
    ],
)
def test_a_pattern_meets_the_hosts_that_it_names(pattern: str, host: str, port: int, fits: bool) -> None:
    assert HostPattern.parse(pattern).matches(host, port) is fits


def test_the_first_pattern_that_fits_counts() -> None:
    rules = "ghcr.io=direct; *.io=socks5://a.example:1080;*=http://b.example:3128"
    assert way_of(rules, "ghcr.io") == "direct"
    assert way_of(rules, "quay.io") == "socks5://a.example:1080"
    assert way_of(rules, "registry.example") == "http://b.example:3128"
    assert way_of("ghcr.io=http://b.example:3128", "quay.io") == "direct"


def test_account_and_password_of_a_proxy_are_read_and_never_shown() -> None:
    proxy = parse_proxy("http://us%40er:p%3Ass%2Fw@Proxy.example:3128/")
    assert (proxy.username, proxy.password, proxy.name) == ("us@er", "p:ss/w", "proxy.example:3128")
    assert "p:ss" not in repr(proxy)
    assert "us@er" not in repr(proxy)


@pytest.mark.parametrize("password", ["pa[secret-9]", "pa[secret-9", "secret-9#x", "secret-9?x"])
def test_a_password_with_marks_of_urls_is_read_by_every_python_alike(password: str) -> None:
    """urlsplit of newer releases says of ``[secret-9]`` that ``secret-9`` is no address; older ones take it."""
    proxy = parse_proxy(f"http://user:{password}@p.example:3128")
    assert (proxy.host, proxy.port, proxy.password) == ("p.example", 3128, password)


@pytest.mark.parametrize(
    "place", ["[secret-9]:80", "[::1:80", "p.example:80#x", "p.example:80?x", "u:[secret-9@[x]:1"]
)
def test_a_place_that_is_none_is_refused_by_every_python_alike(place: str) -> None:
    with pytest.raises(ValueError, match="host or port can't be read") as refused:
        parse_proxy(f"socks5://{place}")
    assert "secret-9" not in str(refused.value)


@pytest.mark.parametrize(
    "entry",
    [
        "nothing",
        "=http://u:secret-9@p.example:3128",
        "a/b=http://p.example:3128",
        "*.1.2.3.4=direct",
        "*=https://u:secret-9@p.example:3128",
        "*=http://u:secret-9@p.example",
        "*=http://u:secret-9@p.example:0",
        "*=http://u:secret-9@p.example:3128/path",
        "*=ftp://p.example:21",
        "*=http://u:secret-9@0x7f000001:3128",
        "*=socks5://u:" + "secret-9" * 40 + "@p.example:1080",
        "*=http://u:secret-9\x01@p.example:3128",
        "*=",
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_without_its_password(entry: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_rules(entry, {})
    assert "secret-9" not in str(refused.value)


@pytest.mark.parametrize(
    ("environ", "tls", "expected"),
    [
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2"}, True, "http://a:1"),
        ({"HTTPS_PROXY": "http://b:2"}, True, "http://b:2"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://b:2"}, True, "http://b:2"),
        ({"HTTPS_PROXY": "http://b:2"}, False, "direct"),
        ({"http_proxy": "http://c:3"}, False, "http://c:3"),
        ({"HTTP_PROXY": "http://c:3"}, False, "direct"),
        ({"ALL_PROXY": "socks5h://d:4"}, True, "socks5h://d:4"),
        ({"ALL_PROXY": "socks5h://d:4"}, False, "socks5h://d:4"),
        ({"all_proxy": "socks5://e:5", "ALL_PROXY": "socks5h://d:4"}, True, "socks5://e:5"),
        ({"https_proxy": "http://a:1", "all_proxy": "socks5://e:5"}, True, "http://a:1"),
        ({"https_proxy": "plain.example"}, True, "http://plain.example:1080"),
        ({}, True, "direct"),
    ],
)
def test_environment_is_read_as_curl_reads_it(environ: dict[str, str], tls: bool, expected: str) -> None:
    assert way_of("*=environment", "registry.example", tls=tls, environ=environ) == expected


@pytest.mark.parametrize(
    ("no_proxy", "host", "excepted"),
    [
        ("example.com", "example.com", True),
        ("example.com", "www.example.com", True),
        (".example.com", "example.com", True),
        (".example.com", "www.example.com", True),
        ("example.com.", "www.example.com", True),
        ("example.com", "nonexample.com", False),
        ("a.example, b.example", "b.example", True),
        ("a.example b.example", "b.example", True),
        ("EXAMPLE.com", "www.example.com", True),
        ("*", "anything.example", True),
        ("a.example,*", "anything.example", False),
        ("*.example.com", "www.example.com", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8", "fd00::1", True),
        ("[fd00::1]", "fd00::1", True),
        ("2.3", "10.1.2.3", False),
        ("", "example.com", False),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(no_proxy: str, host: str, excepted: bool) -> None:
    found = way_of("*=environment", host, environ={"https_proxy": "http://a:1", "NO_PROXY": no_proxy})
    assert found == ("direct" if excepted else "http://a:1")


def test_lower_case_no_proxy_comes_first() -> None:
    environ = {"https_proxy": "http://a:1", "no_proxy": "one.example", "NO_PROXY": "two.example"}
    assert way_of("*=environment", "one.example", environ=environ) == "direct"
    assert way_of("*=environment", "two.example", environ=environ) == "http://a:1"


def test_a_variable_that_names_another_kind_of_proxy_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="HTTPS_PROXY"):
        parse_rules("*=environment", {"HTTPS_PROXY": "socks4://u:secret-9@p.example:1080"})
