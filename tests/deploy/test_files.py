"""The files for operators are what they say: the registry starts with them, the metrics they ask for exist."""

from __future__ import annotations

import glob
import json
import re
import shutil
import subprocess
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
import yaml
from django.urls import resolve, reverse

from imageimport.api.bundles import ReceiptJson
from imageimport.views.uploading import PIECE_BYTES
from portal_client.transfers import MAX_PIECE, PIECE
from registry_portal.secrets_store import token_service_pair
from stack.paths import ROOT
from stack.services.front_server import FrontPlan, Upstreams, site_of
from stack.services.ports import free_port
from stack.services.redis_server import NOISE, answers_ping
from stack.services.registry_server import answers_v2
from stack.services.spec import ServiceSpec, Surroundings
from stack.services.tools import find, redis_program, registry_program
from testbed.portal import PortalProcess
from testbed.processes import Running
from testbed.services import let_pass, unprivileged_user

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
        surroundings=Surroundings(drop_env=("REGISTRY_",)),
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


def test_the_front_for_other_registries_is_the_embedded_ones_and_nginx_takes_it(tmp_path: Path) -> None:
    text = (DEPLOY / "first-pull.conf").read_text(encoding="utf-8")
    plan = FrontPlan(
        tmp_path,
        5000,
        Upstreams("registry.internal:5000", "portal.internal:8000"),
        host="",
        storage="/var/lib/registry",
    )
    made = site_of(plan, cache="/var/cache/nginx/first-pull")
    assert text.partition("FIRST_PULL_FRONT=1\n")[2] == textwrap.dedent(made)
    # Names of the example are nobody's.
    here = text.replace("registry.internal:", "127.0.0.1:").replace("portal.internal:", "127.0.0.1:")
    here = here.replace("/var/cache/nginx", str(tmp_path))
    config = tmp_path / "nginx.conf"
    config.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{here}}}\n", encoding="utf-8")
    nginx = find("nginx")
    assert nginx
    done = subprocess.run([nginx, "-t", "-c", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_large_passes_the_proxies_and_a_piece_of_a_file_everywhere() -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    forms, pieces, made, volumes, pods = re.findall(r"location ~ (\S+) \{(.*?)\}", text, re.DOTALL)
    assert "client_max_body_size 0;" in forms[1] and "proxy_request_buffering off;" in forms[1]
    assert "client_max_body_size 0;" in pods[1] and "proxy_buffering off;" in volumes[1]
    for route, arguments in (("import-files", ["team"]), ("bundle-new", ["team"])):
        assert re.search(forms[0], reverse(route, args=arguments))
    assert re.search(pods[0], reverse("workload-cluster-inventory", args=[uuid.uuid4(), uuid.uuid4()]))
    assert f"client_max_body_size {ReceiptJson.most_bytes // 2**20}m;" in made[1]
    assert re.search(made[0], reverse("api-bundle-list", args=[uuid.uuid4()]))
    assert f"client_max_body_size {MAX_PIECE // 2**20}m;" in pieces[1]
    assert "proxy_request_buffering off;" in pieces[1]
    assert re.search(pieces[0], reverse("api-upload-detail", args=[uuid.uuid4(), uuid.uuid4()]))
    volume = reverse("api-bundle-volume-detail", args=[uuid.uuid4(), uuid.uuid4(), 12])
    assert re.search(volumes[0], volume)
    for route in ("import-files-plan", "import-files-start", "bundles"):
        assert not re.search(forms[0], reverse(route, args=["team"]))
    most = re.findall(r"client_max_body_size (\d+)m;", text)[0]
    assert {PIECE, PIECE_BYTES} == {int(most) * 2**20}
    assert f"proxy-body-size: {most}m" in (DEPLOY / "kubernetes/base/ingress.yaml").read_text(
        encoding="utf-8"
    )


def test_the_systemd_starter_knows_its_three_processes() -> None:
    start = DEPLOY / "systemd" / "start"
    refused = subprocess.run([start, "nonsense"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (2, "usage: start web|worker|beat\n")
    assert shutil.which("sh")
    unit = (DEPLOY / "systemd" / "registry-portal@.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/registry-portal/deploy/systemd/start %i" in unit
