"""Runs in a namespace of its own: registries, each with its token server and its storage on three names, all by TLS;
and an identity provider.

Prints a line of JSON with their ports and digests by domain and the provider's URL as ``login``, and at the end of its
input how often each was asked.
"""

from __future__ import annotations

import json
import ssl
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from testbed.images import random_image
from testbed.scripted_auth import BearerSignIn, TokenServer
from testbed.scripted_http import Reply, ScriptedServer
from testbed.scripted_registry import ScriptedRegistry, redirect
from tests.oci.attachments import artifact
from tests.support.services.oidc import provider

DOMAIN = "far.example"
#: The domain that has an identity provider, and whom that vouches for.
LOGIN = "squid.example"
CLAIMS = {"sub": "42", "preferred_username": "ann", "email": "ann@acme.test", "name": "Ann"}
ACCOUNT = {"user": "right"}
IMAGE = random_image([600_000, 1_500_000], seed=88)
SIGNATURE = artifact(b"a signature", of=IMAGE, kind="application/vnd.example.signature")


def names_of(domain: str) -> list[str]:
    """Registry, token server, storage, who is told by webhooks, and who vouches for people."""
    return [f"{part}.{domain}" for part in ("registry", "tokens", "blobs", "hooks", "login")]


@dataclass
class Side:
    """What stands below one domain."""

    domain: str
    registry: ScriptedRegistry
    tokens: TokenServer
    blobs: ScriptedRegistry
    hooks: ScriptedServer

    @classmethod
    def start(cls, domain: str, stack: ExitStack, address: str, context: ssl.SSLContext) -> Side:
        """Serve until the stack is unwound."""
        _, tokens_name, blobs_name, *_ = names_of(domain)
        tokens = TokenServer(host=address, tls=context, accounts=ACCOUNT, anonymous=False)
        storage = ScriptedRegistry(host=address, tls=context)
        registry = ScriptedRegistry(host=address, tls=context, referrers_api=True)
        hooks = ScriptedServer(lambda _request: Reply(204), host=address, tls=context)
        for each in (tokens, storage, registry, hooks):
            stack.enter_context(each)
        realm = f"https://{tokens_name}:{tokens.port}/token"
        registry.sign_in = BearerSignIn(
            tokens, challenge=f'Bearer realm="{realm}",service="{registry.server_name}",scope="{{scope}}"'
        )
        for server in (registry, storage):
            server.add_image("ns/app", "1", IMAGE)
            server.add_image("ns/app", SIGNATURE.digest, SIGNATURE)
        registry.rule("GET", "/blobs/", redirect(f"https://{blobs_name}:{storage.port}{{path}}"))
        return cls(domain, registry, tokens, storage, hooks)

    def servers(self) -> dict[str, ScriptedServer]:
        return {"registry": self.registry, "tokens": self.tokens, "blobs": self.blobs, "hooks": self.hooks}

    def there(self) -> dict[str, Any]:
        """Ports by what listens there, and the digests."""
        ports = {name: server.port for name, server in self.servers().items()}
        return {"digest": IMAGE.digest, "signature": SIGNATURE.digest, **ports}

    def asked(self) -> dict[str, int]:
        return {name: len(server.seen()) for name, server in self.servers().items()}


def main(address: str, ca_file: str, *domains: str) -> None:
    """Serve at ``address`` until the input ends."""
    authority = trustme.CA()
    Path(ca_file).write_bytes(authority.cert_pem.bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    names = [name for domain in domains for name in names_of(domain)]
    authority.issue_cert(*names).configure_cert(context)
    with ExitStack() as stack:
        sides = [Side.start(domain, stack, address, context) for domain in domains]
        login = stack.enter_context(provider(address, name=names_of(LOGIN)[-1], tls=context))
        login.claims = CLAIMS
        there: dict[str, Any] = {side.domain: side.there() for side in sides}
        print(json.dumps({**there, "login": login.url}), flush=True)
        sys.stdin.read()
        print(json.dumps({side.domain: side.asked() for side in sides}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
