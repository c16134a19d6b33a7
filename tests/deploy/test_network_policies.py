"""Who may talk to whom on Kubernetes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from oci.egress.addresses import is_metadata, non_public_reason
from tests.deploy.rendering import KUBERNETES, OVERLAYS, RELEASES, chart, manifests, objects

#: Who reaches database, Redis and storage, and where these are.
_DATABASE = ("web", "worker", "bootstrap")
_REDIS = (*_DATABASE, "beat")
_OUTSIDE = {
    "one-node": {
        *((f"{who} to database", 5432) for who in (*_DATABASE, "collector")),
        *((f"{who} to redis", 6379) for who in _REDIS),
    },
    "many-nodes": {
        *((f"{who} to 192.0.2.10/32", 5432) for who in _DATABASE),
        *((f"{who} to 192.0.2.20/32", 6379) for who in _REDIS),
        ("registry to 192.0.2.30/32", 443),
    },
}


def test_sentinels_are_reached_by_whatever_reaches_redis_and_by_nothing_else() -> None:
    sentinels = {"outside": {"sentinels": {"cidrs": ["192.0.2.21/32"]}}}
    by_helm = chart("many-nodes", sentinels)
    component = (KUBERNETES / "components" / "sentinels" / "network.yaml").read_text(encoding="utf-8")
    ((key, policy),) = objects(component).items()
    assert by_helm[key]["spec"] == policy["spec"]
    assert by_helm.keys() - {key} == chart("many-nodes").keys()
    assert policy["spec"]["podSelector"] == by_helm["NetworkPolicy", "to-redis"]["spec"]["podSelector"]
    for release in RELEASES:
        kubernetes_validate.validate(by_helm[key], release, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_packets_into_the_world_go_nowhere_where_the_door_lets_no_connection_go(overlay: str) -> None:
    """Every address that the policies open to web and worker is public for the door, at the edges of each block too."""
    blocks = manifests(overlay)["NetworkPolicy", "world"]["spec"]["egress"][0]["to"]
    opened = [_opened(each["ipBlock"]) for each in blocks]
    assert len(opened) == 2
    for pieces in opened:
        for piece in pieces:
            for address in (piece.network_address, piece.broadcast_address):
                assert not non_public_reason(address), address
    for address in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "10.1.2.3", "192.168.0.1"):
        found = ipaddress.ip_address(address)
        assert is_metadata(found) or non_public_reason(found)
        assert not any(found in piece for piece in opened[0])
    for address in ("1.1.1.1", "140.82.112.33", "223.5.5.5"):
        assert any(ipaddress.ip_address(address) in piece for piece in opened[0])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_may_talk_to_whom_is_as_the_threat_model_says(overlay: str) -> None:
    policies = {
        name: each["spec"] for (kind, name), each in manifests(overlay).items() if kind == "NetworkPolicy"
    }
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opened = {(who, port) for spec in policies.values() for who, port in _inward(spec)}
    expected = {
        ("web from ingress-nginx", 8000),
        ("web from monitoring", 8000),
        ("web from registry", 8000),
        ("web from front", 8000),
        ("front from ingress-nginx", 5000),
        ("registry from front", 5000),
        ("registry from web", 5000),
        ("registry from worker", 5000),
    }
    if overlay == "one-node":
        expected |= {(f"database from {who}", 5432) for who in ("web", "worker", "bootstrap", "collector")}
        expected |= {(f"redis from {who}", 6379) for who in ("web", "worker", "beat", "bootstrap")}
    else:  # layers go past the front
        expected.add(("registry from ingress-nginx", 5000))
    assert opened == expected
    left = {
        (f"{who} to {peer}", port)
        for spec in policies.values()
        for who in _subjects(spec["podSelector"])
        for peer, port in _outward(spec)
    }
    assert left == {
        ("all to kube-dns in kube-system", 53),
        *((f"{who} to the world", 0) for who in ("web", "worker")),
        *((f"{who} to registry", 5000) for who in ("web", "worker", "front")),
        *((f"{who} to web", 8000) for who in ("registry", "front")),
        *_OUTSIDE[overlay],
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_policy_says_of_both_ways_what_it_opens(overlay: str) -> None:
    """One that has rules for a way and doesn't name it among its types would open less or more than it says."""
    for (kind, name), each in manifests(overlay).items():
        if kind == "NetworkPolicy" and name != "nothing":
            spec = each["spec"]
            for way in ("Ingress", "Egress"):
                assert not spec.get(way.lower()) or way in spec["policyTypes"], name


def test_a_collector_with_a_database_outside_may_reach_it() -> None:
    outside = {"embedded": {"enabled": False}, "outside": {"database": {"cidrs": ["192.0.2.10/32"]}}}
    rendered = chart("one-node", outside)
    assert ("Deployment", "collector") in rendered
    policy = rendered["NetworkPolicy", "to-database"]["spec"]["podSelector"]["matchExpressions"]
    assert policy[0]["values"] == ["web", "worker", "bootstrap", "collector"]


def _opened(block: dict[str, Any]) -> list[Any]:
    """The networks that a block with exceptions lets through."""
    left: list[Any] = [ipaddress.ip_network(block["cidr"])]
    for text in block["except"]:
        gone = ipaddress.ip_network(text)
        left = [
            piece
            for each in left
            for piece in (each.address_exclude(gone) if gone.subnet_of(each) else [each])
        ]
    return left


def _inward(spec: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for rule in spec.get("ingress", []):
        target = spec["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for peer in rule["from"]:
            for who in _who(peer):
                yield from ((f"{target} from {who}", port["port"]) for port in rule["ports"])


def _outward(spec: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Where to; a rule without peers or without ports is one to everything, or for every port (0)."""
    for rule in spec.get("egress", []):
        ports = [port["port"] for port in rule["ports"]] if "ports" in rule else [0]
        for peer in rule.get("to", [{}]):
            yield from ((who, port) for who in _who(peer) for port in ports)


def _subjects(selector: dict[str, Any]) -> list[str]:
    """The pods that a policy is about."""
    return _who({"podSelector": selector}) if selector else ["all"]


def _who(peer: dict[str, Any]) -> list[str]:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        return ["the world" if "except" in block else block["cidr"]]
    if not peer:
        return ["everything"]
    if "namespaceSelector" in peer:
        space = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        pods = peer.get("podSelector", {}).get("matchLabels", {})
        return [f"{', '.join(pods.values())} in {space}" if pods else space]
    selector = peer["podSelector"]
    if "matchLabels" in selector:
        return [selector["matchLabels"]["app.kubernetes.io/component"]]
    (only,) = selector["matchExpressions"]
    return list(only["values"])
