"""A registry, its token server and its storage that are reached only through real proxies: tinyproxy, squid with a
password, microsocks. Three namespaces in a row, and no packet of the near one could reach the far one; what it tries
all the same is seen where it leaves.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any, Final

import pytest

from stack.paths import ROOT
from tests.support.networks.far_side import CLAIMS, DOMAIN, LOGIN, names_of
from tests.support.networks.near_portal import Order

pytestmark = pytest.mark.timeout(300)
#: Addresses for tests between networks (RFC 2544): near and proxy, proxy and far.
NEAR, PROXY_NEAR, PROXY_FAR, FAR = "198.18.101.1", "198.18.101.2", "198.18.102.1", "198.18.102.2"
PORT: Final = 3128
#: A domain behind each proxy, and the port of that.
BEHIND: Final = {
    "tiny.example": ("tinyproxy", 3128),
    "squid.example": ("squid", 3129),
    "socks.example": ("socks5h", 3130),
}
USER, PASSWORD = "portal", "cANARY:p@ss"
HOSTS: Final = (
    f"127.0.0.1 localhost\n{FAR} {' '.join(name for each in (DOMAIN, *BEHIND) for name in names_of(each))}\n"
)
SQUID: Final = """
http_port {near}:{port}
auth_param basic program /usr/lib/squid/basic_ncsa_auth {directory}/accounts
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
access_log none
cache_log /dev/null
cache_store_log none
pid_filename none
coredump_dir {directory}
hosts_file /etc/hosts
shutdown_lifetime 0 seconds
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Row:
    """The three namespaces, and what the far side said of itself."""

    name: str
    directory: Path
    far: dict[str, Any]
    far_side: subprocess.Popen[str]
    names_of_near: Path

    def run_in(self, part: str, *argv: str) -> list[str]:
        return ["ip", "netns", "exec", f"{self.name}{part}", *argv]

    def asked(self) -> dict[str, dict[str, int]]:
        """How often each host of the far side was asked, which ends it."""
        said, _ = self.far_side.communicate(input="")
        found: dict[str, dict[str, int]] = json.loads(said.splitlines()[-1])
        return found


@pytest.fixture
def row() -> Iterator[Row]:
    name = f"rptw{os.getpid() % 100_000}"
    directory = Path(mkdtemp(prefix="ways-out-"))
    directory.chmod(0o755)  # squid leaves root's rights
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        for part in "npf":
            ip("netns", "add", name + part)
            stack.callback(ip, "netns", "delete", name + part)
            ip("-n", name + part, "link", "set", "lo", "up")
        for one, other, near, far in (("n", "p", NEAR, PROXY_NEAR), ("p", "f", PROXY_FAR, FAR)):
            ip("link", "add", f"{name}{one}{other}", "netns", name + one, "type", "veth",
               "peer", "name", f"{name}{other}{one}", "netns", name + other)  # fmt: skip
            for at, to, address in ((one, other, near), (other, one, far)):
                ip("-n", name + at, "address", "add", f"{address}/24", "dev", f"{name}{at}{to}")
                ip("-n", name + at, "link", "set", f"{name}{at}{to}", "up")
        hosts = {part: Path(f"/etc/netns/{name}{part}/hosts") for part in "np"}
        for path in hosts.values():
            path.parent.mkdir(parents=True)
            stack.callback(shutil.rmtree, path.parent)
            path.write_text("127.0.0.1 localhost\n")
        hosts["p"].write_text(HOSTS)
        argv = ["ip", "netns", "exec", f"{name}f", sys.executable, "-m", "tests.support.networks.far_side"]
        far_side = subprocess.Popen(
            [*argv, FAR, str(directory / "ca.pem"), DOMAIN, *BEHIND],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(far_side.kill)
        yield Row(name, directory, json.loads(_out(far_side).readline()), far_side, hosts["n"])


def _out(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def proxy_command(row: Row, kind: str, port: int = PORT) -> tuple[list[str], str]:
    """What is run in the middle, and the proxy's URL for the near side."""
    account = f"{USER}:cANARY%3Ap%40ss@"
    if kind == "tinyproxy":
        path = row.directory / "tinyproxy.conf"
        path.write_text(f"Port {port}\nListen {PROXY_NEAR}\nAllow {NEAR}\nLogLevel Critical\n")
        return ["tinyproxy", "-d", "-c", str(path)], f"http://{PROXY_NEAR}:{port}"
    if kind == "squid":
        path = row.directory / "squid.conf"
        path.write_text(SQUID.format(near=PROXY_NEAR, port=port, directory=row.directory))
        hashed = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"],
            input=PASSWORD,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        (row.directory / "accounts").write_text(f"{USER}:{hashed}")
        return ["squid", "-N", "-f", str(path)], f"http://{account}{PROXY_NEAR}:{port}"
    argv = ["microsocks", "-i", PROXY_NEAR, "-p", str(port), "-u", USER, "-P", PASSWORD]
    return argv, f"{kind}://{account}{PROXY_NEAR}:{port}"


def wait_for(row: Row, port: int = PORT) -> None:
    """Until the proxy listens."""
    look = f"import socket; socket.create_connection(({PROXY_NEAR!r}, {port}), timeout=2).close()"
    until = time.monotonic() + 30
    while subprocess.run(
        row.run_in("n", sys.executable, "-c", look), capture_output=True, check=False
    ).returncode:
        assert time.monotonic() < until, "the proxy does not listen"
        time.sleep(0.2)


@pytest.mark.parametrize("kind", ["tinyproxy", "squid", "socks5", "socks5h"])
def test_everything_comes_through_the_proxy_and_no_packet_tries_another_way(row: Row, kind: str) -> None:
    if kind == "socks5":  # names are looked up here: in a file, so that none is asked of a name server
        row.names_of_near.write_text(HOSTS)
    command, url = proxy_command(row, kind)
    proxy = subprocess.Popen(row.run_in("p", *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(row)
        arguments = (url, str(row.far[DOMAIN]["registry"]), str(row.directory / "ca.pem"))
        near = subprocess.run(
            row.run_in("n", sys.executable, "-m", "tests.support.networks.near_side", *arguments),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        proxy.kill()
        proxy.wait()
    assert near.returncode == 0, near.stderr[-3000:]
    assert "cANARY" not in near.stdout + near.stderr
    assert json.loads(near.stdout.splitlines()[-1]) == {
        "digest": row.far[DOMAIN]["digest"],
        "via": f"{PROXY_NEAR}:{PORT}",
        "tags": ["1"],
        "blobs": 5,
        "udp": 0,
        "no route": 0,
    }
    asked = row.asked()[DOMAIN]
    assert all(asked[host] for host in ("registry", "tokens", "blobs"))


def test_a_whole_portal_lives_behind_proxies_and_no_packet_of_it_goes_elsewhere(
    row: Row, tables: Path, static_files: Path
) -> None:
    """Imports, plans, schedules, tests of credentials, lists of tags, referrers, webhooks by every kind of proxy, and
    people who come in by an identity provider. Names can't be looked up: the name server is the machine in the middle,
    which has none, so that a question would be seen."""
    ip("-n", f"{row.name}n", "route", "add", "default", "via", PROXY_NEAR)
    (row.names_of_near.parent / "resolv.conf").write_text(f"nameserver {PROXY_NEAR}\n")
    urls: dict[str, str] = {}
    with ExitStack() as stack:
        for domain, (kind, port) in BEHIND.items():
            command, urls[domain] = proxy_command(row, kind, port)
            proxy = subprocess.Popen(
                row.run_in("p", *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(proxy.wait)
            stack.callback(proxy.kill)
        for _, port in BEHIND.values():
            wait_for(row, port)
        order = Order(
            link=f"{row.name}np",
            browser=urls[LOGIN],
            directory=str(row.directory / "portal"),
            tables=str(tables),
            env={
                "STATIC_ROOT": str(static_files),
                "IMPORT_PROXIES": f"*.tiny.example={urls['tiny.example']};*.socks.example={urls['socks.example']}",
                "WEBHOOK_PROXY": ";".join(f"*.{domain}={url}" for domain, url in urls.items()),
                "OIDC_PROXY": urls[LOGIN],
                "OIDC_SERVER_URL": row.far["login"],
                "OIDC_NAME": "Acme",
                "OIDC_CLIENT_ID": "portal",
                "OIDC_CLIENT_SECRET": "provider-client-secret",
                "IMPORT_TRUSTED_REALMS": ",".join(names_of(domain)[1] for domain in BEHIND),
                "IMPORT_CA_FILE": str(row.directory / "ca.pem"),
            },
            sides={domain: row.far[domain] for domain in BEHIND},
            rules={"squid.example": {"proxy": urls["squid.example"]}},
        )
        near = subprocess.run(
            row.run_in(
                "n", sys.executable, "-m", "tests.support.networks.near_portal", json.dumps(asdict(order))
            ),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert near.returncode == 0, near.stderr[-5000:]
    found = json.loads(near.stdout.splitlines()[-1])
    for domain, (_, port) in BEHIND.items():
        digest, signature = row.far[domain]["digest"], row.far[domain]["signature"]
        assert found["said"][domain] == {
            "signed in": True,
            "plan": [digest, 1],
            "tags": True,
            "import": ["success", "", f"{PROXY_NEAR}:{port}"],
            "arrived": [digest, signature],
            "schedule": {"checked": 1, "imported": 1, "unchanged": 0, "failed": 0},
            "webhook": 204,
        }
    assert found["login"] == CLAIMS["preferred_username"]
    assert found["dropped"] == 0, "not every packet was looked at"
    assert found["goals"] == [f"tcp {PROXY_NEAR}:{port}" for _, port in BEHIND.values()]
    assert not found["leaks"]
    asked = row.asked()
    assert all(count for domain in BEHIND for count in asked[domain].values()), asked
