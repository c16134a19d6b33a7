"""The Celery application. Messages are hints; the database rows are the truth (see imageimport.worker.leases)."""

import os
from typing import Any

from billiard import pool
from celery import Celery
from celery.signals import beat_init, celeryd_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_portal.settings")

# A process of the pool that ends looks so often, ten times a second, whether its parent has read what it said of its
# tasks. A parent that is stopping may read no more; by default each of its processes waits for half a minute then, and
# whoever stops the worker kills it. Nothing hangs on what they say: results are ignored, rows are the truth.
pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20

app = Celery("registry_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
@beat_init.connect
def keep_to_ourselves(**_: Any) -> None:
    """What a worker or beat writes is the operator's alone."""
    os.umask(0o077)
