"""``python -m stack.kubernetes``: new Secrets for manifests and chart, as JSON for ``kubectl create -f -``.

Nothing is kept here: what is printed is the only copy. Each service gets what is its own, as in Compose
(:mod:`stack.compose`). By environment: ``PORTAL_URL``; ``DATABASE_URL`` and ``REDIS_URL`` where the two are outside;
``REGISTRY_S3_…`` where the images are in object storage. ``python -m stack.kubernetes front``: nginx's configuration;
``front-with-files``: that of an nginx which sends layers itself.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from registry_portal.secrets_store import (
    bearer_secret,
    cryptography_key,
    ensure_secret,
    notification_token,
    secret_key,
    token_service_pair,
)
from stack.compose import IMAGES, files
from stack.services.front_server import FrontPlan, Upstreams, configuration

#: Where the pods find their Secret.
MOUNTED = Path("/config")
#: nginx before a registry with object storage. Layers and uploads don't pass it: the ingress leads them past.
FRONT = FrontPlan(
    directory=Path("/tmp"),  # noqa: S108 - of its container
    host="",
    port=5000,
    upstreams=Upstreams("registry:5000", "web:8000"),
    processes=4,
)
#: nginx on the node of the registry's volume, which it may read.
FRONT_WITH_FILES = replace(FRONT, storage=f"{IMAGES}/data")
#: By what they are asked for: base/front.conf, and overlays/one-node/front.conf.
FRONTS = {"front": FRONT, "front-with-files": FRONT_WITH_FILES}


def main(arguments: list[str]) -> int:
    """Print the list of Secrets; or a front's configuration, by a name of :data:`FRONTS`."""
    if arguments:
        print(front_configuration(FRONTS[arguments[0]]), end="")
        return 0
    with tempfile.TemporaryDirectory(prefix="portal-secrets-") as directory:
        found = secrets(Path(directory), os.environ.get("PORTAL_URL", "http://localhost:8000").rstrip("/"))
    items = [_secret(name, content) for name, content in found.items()]
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2))
    return 0


def front_configuration(plan: FrontPlan) -> str:
    """The configuration of the nginx before the registry, in manifests and chart."""
    (name,) = [name for name, each in FRONTS.items() if each == plan]
    return f"# Made by: python -m stack.kubernetes {name}\n{configuration(plan)}"


def secrets(data_dir: Path, portal_url: str) -> dict[str, dict[str, str]]:
    """Name of each Secret, and its files.

    :param data_dir: an empty directory; secrets are generated there.
    """
    made = files(data_dir, MOUNTED, portal_url)
    del made["front"]  # No secret: base/front.conf has it.
    key, certificate = token_service_pair(data_dir)
    portal = made.pop("") | {
        "secret_key": ensure_secret(data_dir, "secret_key", secret_key),
        "cryptography_keys": ensure_secret(data_dir, "cryptography_keys", cryptography_key),
        "notification_token": notification_token(data_dir),
        "metrics_token": bearer_secret(),
        "token_service.key": key + "\n",
        "token_service.crt": certificate + "\n",
    }
    for name in ("database", "redis"):
        if outside := os.environ.get(f"{name.upper()}_URL"):
            portal[f"{name}_url"] = outside
            del made[name]
    if storage := _object_storage():
        made["registry"]["registry.yml"] = _stored_in(made["registry"]["registry.yml"], storage)
    return {"portal": portal, **made}


def _object_storage() -> dict[str, Any]:
    """Distribution's driver for S3 and what speaks like it; empty where no bucket is named."""
    names = {
        "bucket": os.environ.get("REGISTRY_S3_BUCKET"),
        "region": os.environ.get("REGISTRY_S3_REGION"),
        "regionendpoint": os.environ.get("REGISTRY_S3_ENDPOINT"),
        "accesskey": os.environ.get("REGISTRY_S3_ACCESS_KEY"),
        "secretkey": os.environ.get("REGISTRY_S3_SECRET_KEY"),
    }
    return {name: value for name, value in names.items() if value} if names["bucket"] else {}


def _stored_in(text: str, storage: dict[str, Any]) -> str:
    configuration = json.loads(text)
    del configuration["storage"]["filesystem"]
    # Clients need no way to the storage itself, and the portal's door knows no other address than the registry's.
    configuration["storage"] |= {"s3": storage, "redirect": {"disable": True}}
    return json.dumps(configuration, indent=2) + "\n"


def _secret(name: str, content: dict[str, str]) -> dict[str, Any]:
    data = {key: base64.b64encode(text.encode()).decode("ascii") for key, text in content.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": data}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
