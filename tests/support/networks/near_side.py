"""Runs in a namespace that reaches nothing but a proxy: signs in, copies an image and lists tags by it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from oci.egress.door import Door, EgressPolicy
from oci.egress.proxies import parse_rules
from oci.registry.auth.credentials import Credential, Identity
from oci.registry.client import RegistryClient
from oci.registry.options import ClientOptions
from oci.registry.repository import Repository
from oci.registry.retry import RetryBudget, RetryPolicy
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import copier, run
from tests.support.networks.far_side import DOMAIN, names_of


def snmp() -> dict[str, int]:
    """What this namespace has sent: datagrams of UDP, and packets for which there was no route."""
    rows = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines()]
    found: dict[str, int] = {}
    for names, values in zip(rows[::2], rows[1::2], strict=True):
        found |= {names[0] + name: int(value) for name, value in zip(names[1:], values[1:], strict=True)}
    return {"udp": found["Udp:OutDatagrams"], "no route": found["Ip:OutNoRoutes"]}


def main(proxy: str, port: str, ca_file: str) -> None:
    """Print one line of JSON."""
    registry, tokens, *_ = names_of(DOMAIN)
    name = f"{registry}:{port}"
    policy = EgressPolicy(
        proxies=parse_rules(f"*.far.example={proxy}", {}), private_sources=("198.18.0.0/15",), ca_file=ca_file
    )
    identity = Identity(Credential(name, "user", "right"), trusted_realms=(tokens,))
    options = ClientOptions(retries=RetryPolicy(budget=RetryBudget(seconds=5)))
    client = RegistryClient(name, Door(policy), identity=identity, options=options)
    source = Repository(client, "ns/app")
    with ScriptedRegistry() as target:
        made = copier(source, target, "library/app:1")
        result = run(made)
        tags = list(source.list_tags())
        digest = result.image.digest
        whole = set(target.repository("team/app").blobs)
    print(json.dumps({"digest": digest, "via": source.via, "tags": tags, "blobs": len(whole), **snmp()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
