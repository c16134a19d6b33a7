"""nginx before the registry: it passes everything on, and asks the portal for what is missing or may be stale.

What is here never passes the portal: a manifest of a name such as ``team/docker.io/library/nginx`` is asked of the
registry, and its 404 goes to the portal's small door (:mod:`imageimport.views.first_pull`). Before a tag of such a name
is served, the door says whether it is fresh; nginx remembers that for some seconds. With the portal away, the registry
serves what it has.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from stack.services.ports import LOOPBACK
from stack.services.redis_server import write_private
from stack.services.registry_server import answers_v2
from stack.services.spec import ServiceSpec, Stopping
from stack.services.tools import find

#: Seconds that the portal gets to say whether a tag is fresh; then the registry serves what it has.
_FRESH_SECONDS: Final = 5
#: Longer than any pull is held (``FIRST_PULL_WAIT_SECONDS``), seconds.
_HELD_SECONDS: Final = 3600

MAIN: Final = """\
daemon off;
{user}worker_processes {processes};
pid "{directory}/nginx.pid";
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path "{directory}/body";
  proxy_temp_path "{directory}/proxy";
  fastcgi_temp_path "{directory}/fastcgi";
  uwsgi_temp_path "{directory}/uwsgi";
  scgi_temp_path "{directory}/scgi";
{site}}}
"""

#: What goes into nginx's ``http`` block. The guide has the same for registries that are not ours.
SITE: Final = """\
  # Which tags are fresh: a few bytes each.
  proxy_cache_path "{cache}" keys_zone=first_pull:1m max_size=16m inactive=1m use_temp_path=off;
  # Behind a proxy that speaks TLS, its word counts.
  map $http_x_forwarded_proto $front_scheme {{
    default $http_x_forwarded_proto;
    "" $scheme;
  }}
{upstreams}  server {{
    listen {listen};
    server_tokens off;
    tcp_nodelay on;
    sendfile on;
    keepalive_timeout 75s;
    # Layers are as large as they are, and go through as they come.
    client_max_body_size 0;
    proxy_request_buffering off;
    proxy_buffer_size 16k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 512k;
    proxy_max_temp_file_size 0;
    proxy_http_version 1.1;
    proxy_connect_timeout 5s;
    proxy_read_timeout 900s;
    proxy_send_timeout 900s;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $front_scheme;
    recursive_error_pages on;

    location / {{
      proxy_pass http://{to_registry};
    }}

    # <project>/<registry>/<repository>, by tag. A registry has a dot in its name, or its port after two underscores.
    location ~ "^/v2/[^/]+/(?:[^/]*\\.[^/]*|[^/]+__[0-9]+)/.+/manifests/[^/:]+$" {{
      if ($request_method !~ "^(?:GET|HEAD)$") {{ return 418; }}
      error_page 418 500 = @registry;
      set $wanted $uri;
      auth_request /first-pull-fresh;
      error_page 403 = @stale;
      error_page 404 = @missing;
      proxy_intercept_errors on;
      proxy_pass http://{to_registry};
    }}

    # The same by digest, which is never stale.
    location ~ "^/v2/[^/]+/(?:[^/]*\\.[^/]*|[^/]+__[0-9]+)/.+/manifests/[^/]+:[^/]+$" {{
      if ($request_method !~ "^(?:GET|HEAD)$") {{ return 418; }}
      error_page 418 = @registry;
      error_page 404 = @missing;
      proxy_intercept_errors on;
      proxy_pass http://{to_registry};
    }}

{blobs}    location @registry {{
      proxy_pass http://{to_registry};
    }}

    location = /first-pull-fresh {{
      internal;
      rewrite ^ /service/first-pull/fresh$wanted break;
      proxy_pass http://{to_portal};
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
{headers}      proxy_connect_timeout 2s;
      proxy_read_timeout {fresh_seconds}s;
      proxy_cache first_pull;
      proxy_cache_key $wanted;
      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
      # Whatever the portal can't say: what is here is served.
      proxy_intercept_errors on;
      error_page 500 502 503 504 = @served-as-it-is;
    }}

    location @served-as-it-is {{
      return 204;
    }}

    location @stale {{
      rewrite ^ /service/first-pull/stale$uri break;
      proxy_pass http://{to_portal};
{headers}      proxy_read_timeout {held_seconds}s;
      proxy_intercept_errors on;
      error_page 500 502 503 504 = @registry;
    }}

    location @missing {{
      rewrite ^ /service/first-pull/missing$uri break;
      proxy_pass http://{to_portal};
{headers}      proxy_read_timeout {held_seconds}s;
      proxy_intercept_errors on;
      error_page 500 502 504 = @away;
    }}

    # Where the portal sends the answer to.
    location /registry/ {{
      internal;
      rewrite ^/registry(/.*)$ $1 break;
      proxy_pass http://{to_registry};
    }}

    # The same for a tag that may be stale: the registry has not been asked for it yet.
    location @registry-or-missing {{
      rewrite ^/service/first-pull/stale(/.*)$ $1 break;
      error_page 404 = @missing;
      proxy_intercept_errors on;
      proxy_pass http://{to_registry};
    }}

    location @away {{
      default_type application/json;
      add_header Docker-Distribution-Api-Version registry/2.0 always;
      add_header Retry-After 10 always;
      return 503 '{{"errors":[{{"code":"UNAVAILABLE","message":"The portal does not answer.","detail":null}}]}}';
    }}
  }}
"""

#: Addresses that stay: connections to the registry are kept.
_FIXED: Final = """\
  upstream registry {{
    server {registry};
    keepalive 32;
  }}
  upstream portal {{
    server {portal};
  }}
"""
#: Names whose addresses change: asked for again and again, of this name server.
_LOOKED_UP: Final = """\
  resolver {resolver} valid=5s;
  map "" $at_registry {{
    default {registry};
  }}
  map "" $at_portal {{
    default {portal};
  }}
"""
#: Layers of a registry whose files are at hand: the registry says whether the client may have one, and nginx sends it
#: (distribution/registry/storage/paths.go has the layout). What else it says, it says itself.
_BLOBS: Final = """\
    location ~ "^/v2/.+/blobs/sha256:(?<hex>(?<first>[0-9a-f]{{2}})[0-9a-f]{{62}})$" {{
      if ($request_method != GET) {{ return 418; }}
      error_page 403 404 418 500 = @registry;
      set $wanted $uri;
      auth_request /registry-has;
      alias "{storage}/docker/registry/v2/blobs/sha256/$first/$hex/data";
      default_type application/octet-stream;
      etag off;
      if_modified_since off;
      add_header Docker-Distribution-Api-Version registry/2.0;
      add_header Docker-Content-Digest sha256:$hex;
      add_header Etag '"sha256:$hex"';
      add_header Cache-Control max-age=31536000;
      add_header X-Content-Type-Options nosniff;
    }}

    location = /registry-has {{
      internal;
      rewrite ^ $wanted break;
      proxy_method HEAD;
      proxy_pass_request_body off;
      # nginx would pass on how to sign in, and the registry says that once more.
      proxy_intercept_errors on;
      error_page 401 404 = @registry-has-not;
      proxy_pass http://{to_registry};
    }}

    location @registry-has-not {{
      return 403;
    }}

"""
#: The portal is asked by a name that it always answers to, and gets no more of the client than it needs.
_HEADERS: Final = """\
      proxy_set_header Host localhost;
      proxy_set_header Connection close;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header Cookie "";
"""


@dataclass(frozen=True)
class Upstreams:
    """``host:port`` of the two behind a front."""

    registry: str
    portal: str
    #: Of a name server, where the two are named and their addresses change.
    resolver: str = ""


@dataclass(frozen=True)
class FrontPlan:
    """One front to start."""

    directory: Path
    port: int
    upstreams: Upstreams
    host: str = LOOPBACK
    #: The registry's ``rootdirectory``, where nginx can read it; empty, or with a ``$``, which nginx would take for a
    #: variable: layers go through the registry.
    storage: str = ""
    #: How many processes serve; 0: one for each processor. A container's memory is bounded: say a number there.
    processes: int = 0


def front_service(plan: FrontPlan) -> ServiceSpec:
    """Write the configuration of the planned front; the service that runs it."""
    plan.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = plan.directory / "nginx.conf"
    # As root, nginx would give its workers to a user who can't reach the data directory.
    write_private(config, configuration(plan, user="root" if os.geteuid() == 0 else ""))
    program = find("nginx") or "nginx"
    return ServiceSpec(
        name="front",
        # Before it reads its configuration, it opens a log of its own.
        argv=[program, "-e", "stderr", "-p", str(plan.directory), "-c", str(config)],
        ready=lambda: answers_v2(f"http://{plan.host}:{plan.port}"),
        # Killed outright, it would leave its workers behind.
        stopping=Stopping(death_signal="SIGTERM"),
    )


def configuration(plan: FrontPlan, *, user: str = "") -> str:
    """The whole configuration. ``user``: whom root gives the workers to."""
    return MAIN.format(
        user=f"user {user};\n" if user else "",
        processes=plan.processes or "auto",
        directory=_quoted(plan.directory),
        site=site_of(plan, cache=f"{plan.directory}/fresh"),
    )


def site_of(plan: FrontPlan, *, cache: str) -> str:
    """What the ``http`` block of its nginx has. ``cache``: a directory that nginx may write."""
    has_names = bool(plan.upstreams.resolver)
    to_registry = "$at_registry" if has_names else "registry"
    has_files = bool(plan.storage) and "$" not in plan.storage
    return SITE.format(
        cache=_quoted(cache),
        upstreams=(_LOOKED_UP if has_names else _FIXED).format(**asdict(plan.upstreams)),
        to_registry=to_registry,
        blobs=_BLOBS.format(storage=_quoted(plan.storage), to_registry=to_registry) if has_files else "",
        to_portal="$at_portal" if has_names else "portal",
        listen=f"{plan.host}:{plan.port}" if plan.host else str(plan.port),
        headers=_HEADERS,
        fresh_seconds=_FRESH_SECONDS,
        held_seconds=_HELD_SECONDS,
    )


def _quoted(path: Path | str) -> str:
    """A path between nginx's double quotes."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def can_run() -> bool:
    """There is an nginx here, and it can ask another server before it answers."""
    path = find("nginx")
    if path is None:
        return False
    try:
        version = subprocess.run([path, "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "http_auth_request_module" in version.stderr
