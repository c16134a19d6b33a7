"""WSGI entry point (``gunicorn registry_portal.wsgi``)."""

import os

import django
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_portal.settings")

django.setup(set_prefix=False)
# Before the application, which takes its middleware when it is made.
from registry_portal.observability import exporters  # noqa: E402

exporters.start()
application = get_wsgi_application()
