"""Makes stand-ins for the official base images of docker-compose.yml where no registry can be reached.

``DOCKER_HOST=… python -m scripts.local_images DIRECTORY``: one Debian root file system (made by debootstrap in
``DIRECTORY`` if it is not there yet) becomes python, postgres, redis, registry and nginx, tagged as Compose names them,
with just enough of an entry point to be used in the same way. For trying Compose, not for production.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = (
    "python3", "python3-venv", "ca-certificates", "gettext-base", "gettext", "wget",
    "postgresql", "redis-server", "docker-registry", "nginx",
)  # fmt: skip
SUITE = "bookworm"
BASE = "portal-local-base"
EXCLUDED = (
    "./proc/*",
    "./sys/*",
    "./dev/*",
    "./root/*",
    "./tmp/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
)

POSTGRES_ENTRY = """#!/bin/sh
set -eu
bin=$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
  "$bin/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \\
    --auth-local=trust --auth-host=scram-sha-256 >/dev/null
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  echo "CREATE DATABASE $POSTGRES_DB;" | "$bin/postgres" --single -D "$data" postgres >/dev/null
fi
[ "${1:-}" = postgres ] && shift
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql "$@"
"""
#: As the official one: a configuration alone is served.
REGISTRY_ENTRY = """#!/bin/sh
case "$1" in *.yml) set -- serve "$@" ;; esac
exec docker-registry "$@"
"""

IMAGES = {
    "python:3.11-slim-bookworm": "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt\n",
    "postgres:17-bookworm": (
        "COPY postgres.sh /entry.sh\n"
        "RUN chmod 755 /entry.sh && ln -sf /usr/lib/postgresql/*/bin/pg_isready /usr/local/bin/"
        " && install -d -o postgres -g postgres /var/lib/postgresql/data"
        " && install -d -o postgres -g postgres -m 3777 /var/run/postgresql\n"
        'ENTRYPOINT ["/entry.sh"]\n'
    ),
    "redis:7-bookworm": "RUN install -d -o redis -g redis /data\n",
    "registry:2.8.3": 'COPY registry.sh /entry.sh\nRUN chmod 755 /entry.sh\nENTRYPOINT ["/entry.sh"]\n',
    "nginx:1.28-bookworm": "",
}


def main(directory: str) -> int:
    """Make the root file system where it is missing, and the images from it."""
    root = Path(directory)
    if not (root / "usr" / "sbin" / "nginx").exists():
        _make_root(root)
    _import(root)
    with tempfile.TemporaryDirectory(prefix="portal-images-") as context:
        (Path(context) / "postgres.sh").write_text(POSTGRES_ENTRY, encoding="utf-8")
        (Path(context) / "registry.sh").write_text(REGISTRY_ENTRY, encoding="utf-8")
        for tag, steps in IMAGES.items():
            (Path(context) / "Dockerfile").write_text(f"FROM {BASE}\n{steps}", encoding="utf-8")
            subprocess.run(
                ["docker", "build", "--quiet", "--network", "host", "--tag", tag, context], check=True
            )
    return 0


def _make_root(root: Path) -> None:
    include = ",".join(PACKAGES)
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={include}", SUITE, root], check=True)
    # Behind a company's own authority, the image must trust it too.
    for name in ("etc/ssl/certs/ca-certificates.crt", "etc/pip.conf"):
        if (found := Path("/") / name).is_file():
            (root / name).write_bytes(found.read_bytes())


def _import(root: Path) -> None:
    pack = ["tar", "--create", "--directory", str(root), *(f"--exclude={name}" for name in EXCLUDED), "."]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as archive:
        subprocess.run(["docker", "import", "-", BASE], stdin=archive.stdout, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
