"""The Celery application. Messages are hints; the database rows are the truth (see imageimport.leases)."""

import os

from billiard import pool
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_portal.settings")

# A process of the pool that ends looks so often, ten times a second, whether its parent has read what it said of its
# tasks. A parent that is stopping may read no more; by default each of its processes waits for half a minute then, and
# whoever stops the worker kills it. Nothing hangs on what they say: results are ignored, rows are the truth.
pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20

app = Celery("registry_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
