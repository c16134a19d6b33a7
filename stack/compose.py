"""``python -m stack.compose DIRECTORY``: secrets and configuration of the services of docker-compose.yml.

Runs once before they start. Everything generated is kept, so that a second ``docker compose up`` changes nothing.
DIRECTORY is for the portal, DIRECTORY-database and so on for the services, each mounted into that one alone.
Files are readable by the group, which the services' containers join.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from registry_portal.secrets_store import (
    bearer_secret,
    ensure_secret,
    notification_token,
    redis_password,
    registry_http_secret,
    token_service_pair,
)
from stack.services.front_server import FrontPlan, Upstreams
from stack.services.front_server import configuration as front_configuration
from stack.services.registry_server import Listener, Notifications, RegistryPlan, TokenAuth, configuration

#: Where the registry and those that read its files find them.
IMAGES = Path("/var/lib/registry")
#: nginx before the registry.
FRONT = FrontPlan(
    directory=Path("/tmp"),  # noqa: S108 - of its container, in memory
    host="",
    port=5000,
    # By the Engine's own name server.
    upstreams=Upstreams("registry:5000", "web:8000", resolver="127.0.0.11"),
    storage=f"{IMAGES}/data",
    processes=4,
)
REDIS_CONFIG = """\
bind * -::*
port 6379
requirepass {password}
dir /data
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def main(directory: str) -> int:
    """Write the files of all services into ``directory``."""
    data_dir = Path(os.environ["PORTAL_DATA_DIR"])
    portal_url = os.environ.get("PORTAL_URL", "http://localhost:8000").rstrip("/")
    for service, found in files(data_dir, Path(directory), portal_url).items():
        for name, text in found.items():
            _write(Path(f"{directory}-{service}" if service else directory) / name, text)
    return 0


def files(data_dir: Path, directory: Path, portal_url: str) -> dict[str, dict[str, str]]:
    """Name and content of each file, by the service that it is for; the empty name stands for the portal itself.

    No service is given what is another's: each has a volume of its own, which it finds at ``directory``.
    """
    database_password = ensure_secret(data_dir, "database_password", bearer_secret)
    password = redis_password(data_dir)
    _, certificate = token_service_pair(data_dir)
    plan = RegistryPlan(
        directory=IMAGES,
        http=Listener(5000, host="", secret=registry_http_secret(data_dir)),
        auth=TokenAuth(
            realm=f"{portal_url}/service/token",
            service=os.environ.get("TOKEN_SERVICE_NAME") or "registry-portal",
            issuer=os.environ.get("TOKEN_SERVICE_ISSUER") or "registry-portal",
            certificate=directory / "token_service.crt",
        ),
        notifications=Notifications("http://web:8000/service/registry-events", notification_token(data_dir)),
    )
    return {
        "": {
            "database_url": f"postgres://portal:{database_password}@database:5432/portal\n",
            "redis_url": f"redis://:{password}@redis:6379/0\n",
        },
        "database": {"database_password": database_password + "\n"},
        "redis": {"redis.conf": REDIS_CONFIG.format(password=password)},
        "registry": {
            "token_service.crt": certificate + "\n",
            "registry.yml": json.dumps(configuration(plan), indent=2) + "\n",
        },
        "front": {"nginx.conf": front_configuration(FRONT)},
    }


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
