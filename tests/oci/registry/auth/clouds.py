"""Stand-ins for clouds: a registry under its cloud's name, and what else its cloud answers, behind a proxy."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from oci.egress.door import Door, EgressPolicy
from oci.egress.proxies import parse_rules
from oci.registry.auth.credentials import Credential
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_auth import BearerSignIn, TokenServer
from testbed.scripted_http import Reply, Request, ScriptedServer
from testbed.scripted_proxy import ScriptedProxy
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import client


@dataclass
class Cloud:
    """``tokens`` gives what the registry's own token server at ``/token`` gives."""

    host: str
    registry: ScriptedRegistry
    tokens: TokenServer
    other: ScriptedServer
    proxy: ScriptedProxy
    ca_file: str

    def reader(self, username: str, password: str, door: Door | None = None) -> Repository:
        """What an import reads by, with nothing remembered."""
        door = door or self.door("*")
        credential = Credential(self.host, username, password)
        made = client(self.registry, registry=self.host, base_url=None, door=door, credential=credential)
        return Repository(made, "ns/app")

    def door(self, by_proxy: str) -> Door:
        """Out by the proxy to what fits the pattern; every other name leads to a cloud's metadata."""
        rules = parse_rules(f"{by_proxy}={self.proxy.url()}", {})
        policy = EgressPolicy(proxies=rules, ca_file=self.ca_file)
        return Door(policy, resolver=lambda _host: ["169.254.169.254"])

    def asked(self, path: str) -> list[Request]:
        """Of the registry's own host."""
        return [each for each in self.registry.requests if each.path == path]

    def sent(self) -> str:
        """All that went anywhere."""
        requests = (*self.registry.requests, *self.other.requests)
        return repr([(each.path, each.query, each.headers, each.body) for each in requests])


@contextmanager
def cloud(
    folder: Path, host: str, *, token_path: str, other: str, answer: Callable[[Request], Reply]
) -> Iterator[Cloud]:
    """A registry at ``host`` whose token server is at ``token_path``; ``other`` is one more host of the cloud."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host, other).configure_cert(context)
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(authority.cert_pem.bytes())
    with (
        TokenServer(anonymous=False) as tokens,
        ScriptedServer(answer, tls=context) as served,
        ScriptedRegistry(tls=context) as registry,
        ScriptedProxy() as proxy,
    ):
        challenge = f'Bearer realm="https://{host}{token_path}",service="{host}",scope="{{scope}}"'
        registry.sign_in = BearerSignIn(tokens, challenge)
        registry.rule("", token_path, lambda request, _proceed: tokens.handle(request))
        registry.add_image("ns/app", "1", random_image([2048], seed=3))
        proxy.hosts = {host: f"127.0.0.1|{registry.port}", other: f"127.0.0.1|{served.port}"}
        yield Cloud(host, registry, tokens, served, proxy, str(ca_file))
