"""Each service of Compose has its own secrets only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import compose
from stack.paths import ROOT


def test_each_service_of_compose_mounts_its_own_secrets_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path / "data"))
    for name in ("config", "config-database", "config-redis", "config-registry", "config-front"):
        (tmp_path / name).mkdir()
    assert compose.main(str(tmp_path / "config")) == 0
    written = {path.name: sorted(file.name for file in path.iterdir()) for path in tmp_path.glob("config*")}
    assert written == {
        "config": ["database_url", "redis_url"],
        "config-database": ["database_password"],
        "config-redis": ["redis.conf"],
        "config-registry": ["registry.yml", "token_service.crt"],
        "config-front": ["nginx.conf"],
    }
    services: Any = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    mounted = {
        name: [volume for volume in service["volumes"] if volume.endswith(":/config:ro")]
        for name, service in services.items()
        if name != "prepare"
    }
    assert mounted == {
        "database": ["config-database:/config:ro"],
        "redis": ["config-redis:/config:ro"],
        "registry": ["config-registry:/config:ro"],
        "front": ["config-front:/config:ro"],
        **{name: ["config:/config:ro"] for name in ("bootstrap", "web", "worker", "collector", "beat")},
    }
    assert {f"{name}:/{name}" for name in written} <= set(services["prepare"]["volumes"])
