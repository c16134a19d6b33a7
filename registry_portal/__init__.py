"""The site: settings, URLs, the Celery application and health.

The Celery application is imported here so that shared tasks bind to it in every process.
"""

from registry_portal.celery import app as celery_app

__all__ = ["celery_app"]
