"""The files for operators are what they say: the registry starts with them, the metrics they ask for exist."""

from __future__ import annotations

import glob
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
import yaml
from django.urls import resolve

from registry_portal.secrets_store import token_service_pair
from stack.paths import ROOT
from stack.ports import free_port
from stack.redis_server import NOISE, answers_ping
from stack.registry_server import answers_v2
from stack.spec import ServiceSpec
from stack.tools import redis_program, registry_program
from tests.support.portal import PortalProcess
from tests.support.processes import Running
from tests.support.services import let_pass, unprivileged_user

DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\bportal_[a-z_]+")


@pytest.mark.parametrize("name", ["distribution-2.8.yml", "distribution-3.yml"])
def test_the_registrys_configuration_starts_a_registry_that_asks_for_tokens(
    tmp_path: Path, name: str
) -> None:
    certificate = tmp_path / "token_service.crt"
    certificate.write_text(token_service_pair(tmp_path)[1], encoding="ascii")
    port = free_port()
    text = (DEPLOY / "registry" / name).read_text(encoding="utf-8")
    for old, new in {
        "/var/lib/registry": str(tmp_path / "data"),
        "/etc/registry/token_service.crt": str(certificate),
        "0.0.0.0:5000": f"127.0.0.1:{port}",
        "PORTAL_HOST": "portal.example.com",
        "HTTP_SECRET": "for-the-test",
        "NOTIFICATION_TOKEN": "for-the-test",
    }.items():
        assert old in text
        text = text.replace(old, new)
    config = tmp_path / "config.yml"
    config.write_text(text, encoding="utf-8")
    spec = ServiceSpec(
        name=name,
        argv=[*registry_program(tmp_path).prefix, str(config)],
        ready=lambda: answers_v2(f"http://127.0.0.1:{port}"),
        drop_env=("REGISTRY_",),
    )
    with Running(spec, tmp_path / "registry.log"):
        challenge = requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5).headers["WWW-Authenticate"]
    assert challenge.startswith(
        'Bearer realm="https://portal.example.com/service/token",service="registry-portal"'
    )


def test_both_registry_configurations_trust_and_report_alike() -> None:
    two, three = (
        yaml.safe_load((DEPLOY / "registry" / f"distribution-{version}.yml").read_text(encoding="utf-8"))
        for version in ("2.8", "3")
    )
    assert (two["auth"], two["notifications"]) == (three["auth"], three["notifications"])


def test_redis_starts_with_its_configuration(tmp_path: Path) -> None:
    port = free_port()
    text = (DEPLOY / "redis.conf").read_text(encoding="utf-8")
    config = tmp_path / "redis.conf"
    config.write_text(
        text.replace("port 6379", f"port {port}").replace("REDIS_PASSWORD", "test") + f'dir "{tmp_path}"\n',
        encoding="utf-8",
    )
    argv = [*redis_program(tmp_path).prefix, str(config)]
    spec = ServiceSpec(name="redis", argv=argv, ready=lambda: answers_ping(port, "test"), noise=NOISE)
    with Running(spec, tmp_path / "redis.log"):
        kept = redis.Redis(port=port, password="test").config_get("maxmemory-policy")
    assert kept["maxmemory-policy"] == "noeviction"


def test_every_metric_that_alerts_and_dashboard_ask_for_exists(portal: PortalProcess) -> None:
    offered = _families(requests.get(f"{portal.url}/metrics", timeout=10).text)
    asked = {name for expression in [*_alerts(), *_panels()] for name in METRIC.findall(expression)}
    assert len(asked) > 15
    # The age of the last sweep is absent until beat has had a worker sweep.
    assert asked - offered - {"portal_sweep_age_seconds"} == set()


def _families(text: str) -> set[str]:
    """The names of all series that a family of this kind has."""
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    found = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    return {f"{name.removesuffix('_total')}{suffix}" for name, kind in found for suffix in suffixes[kind]}


def _alerts() -> Iterator[str]:
    groups: list[dict[str, Any]] = yaml.safe_load(
        (DEPLOY / "observability/alerts.yml").read_text(encoding="utf-8")
    )["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        yield rule["expr"]


def _panels() -> Iterator[str]:
    board = json.loads((DEPLOY / "observability/dashboard.json").read_text(encoding="utf-8"))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_postgresql_knows_every_setting_of_its_configuration(tmp_path: Path) -> None:
    program = max(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    config = tmp_path / "postgresql.conf"
    shutil.copy(DEPLOY / "postgresql.conf", config)
    if user := unprivileged_user():
        tmp_path.chmod(0o700)
        shutil.chown(tmp_path, user, user)
        let_pass(tmp_path)
    become = ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--"] if user else []
    for name, value in (("max_connections", "200"), ("shared_buffers", "131072")):
        done = subprocess.run(
            [*become, program, "-C", name, "-D", tmp_path, f"--config-file={config}"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout.strip()) == (0, value), done.stderr


def test_nginx_hides_addresses_that_there_are_and_its_settings_are_the_portals() -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    hidden = re.findall(r"location = (\S+) \{ return 404; \}", text)
    assert hidden == ["/metrics", "/service/registry-events"]
    for path in hidden:
        assert resolve(path)
    guide = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b([A-Z][A-Z_]+)=", text))
    assert {"PORTAL_TLS", "TRUSTED_PROXIES", "ALLOWED_HOSTS"} <= named
    assert [name for name in sorted(named) if f"`{name}`" not in guide] == []


def test_the_systemd_starter_knows_its_three_processes() -> None:
    start = DEPLOY / "systemd" / "start"
    refused = subprocess.run([start, "nonsense"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (2, "usage: start web|worker|beat\n")
    assert shutil.which("sh")
    unit = (DEPLOY / "systemd" / "registry-portal@.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/registry-portal/deploy/systemd/start %i" in unit
