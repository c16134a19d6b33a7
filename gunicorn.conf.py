"""Gunicorn's configuration, read wherever it is started from this directory."""

import os
import pathlib

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or 8000}"
# Gunicorn's gthread, in front of whose threads requests are collected: slow senders cost no thread.
worker_class = "registry_portal.web.webworker.PatientWorker"
workers = int(os.environ.get("WEB_CONCURRENCY") or min(4, os.cpu_count() or 1))
threads = int(os.environ.get("WEB_THREADS") or 8)
# Imported once, before the workers fork: a start costs one import, and the memory is shared.
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 15
umask = 0o077
# Fewer than the files that a process may have open; where all are taken, the one that idles longest goes.
worker_connections = 500
# The kernel would wait for a slow reader of a file forever; sent piece by piece, the least rate holds for it too.
sendfile = False
# Workers are renewed now and then, so that no slow leak of any library lives long.
max_requests = 20_000
max_requests_jitter = 2_000
# The heartbeat file must not wait for a disk.
worker_tmp_dir = next((path for path in ["/dev/shm"] if pathlib.Path(path).is_dir()), None)  # noqa: S108
loglevel = os.environ.get("LOG_LEVEL", "warning").lower()
control_socket_disable = True
