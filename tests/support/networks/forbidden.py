"""Where nothing may lead, in every spelling; and the resolver that the tests ask."""

from __future__ import annotations

from collections.abc import Sequence

#: Names and the addresses that they lead to. 127.0.0.2 is where the operator allows sources in these tests.
NAMES = {
    "inside.example": ["127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "both.example": ["127.0.0.2", "127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "metadata.example": ["169.254.169.254"],
    "allowed.example": ["127.0.0.2"],
}
#: Where the forbidden port is knocked at; ``{port}`` is the canary's.
FORBIDDEN_URLS = (
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://user:pw@127.0.0.1:{port}/",
    "http://{allowed}@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@{allowed}/",
    "//127.0.0.1:{port}/",
    "http://inside.example:{port}/",
    "http://mapped.example:{port}/",
    "http://both.example:{port}/",
    "http://nat64.example:{port}/",
    "http://metadata.example:{port}/",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://168.63.129.16/machine",
    "http://100.100.100.200/latest/meta-data/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_SET",
)
#: The same as somebody would type it.
FORBIDDEN_REFERENCES = (
    *(
        "127.0.0.1:{port}/app",
        "localhost:{port}/app",
        "0.0.0.0:{port}/app",
        "[::1]:{port}/app",
        "127.1:{port}/app",
    ),
    *("2130706433:{port}/app", "0x7f000001:{port}/app", "0177.0.0.1:{port}/app", "169.254.169.254/app"),
    *(
        "inside.example:{port}/app",
        "both.example:{port}/app",
        "mapped.example:{port}/app",
        "Localhost:{port}/app",
    ),
    *("metadata.google.internal/app", "metadata.example:{port}/app", "https://127.0.0.1:{port}/app"),
    *("http://[::ffff:127.0.0.1]:{port}/app", "①②⑦.⓪.⓪.①:{port}/app", "127.0.0.1.:{port}/app"),
)


def resolve(host: str) -> Sequence[str]:
    """Addresses of :data:`NAMES`."""
    if host not in NAMES:
        raise OSError(f"no such host {host}")
    return NAMES[host]
