"""Rows of sessions are found by a hash of their cookie (accounts.sessions): those that are there keep their people signed in.

Back: nobody finds the cookie of a hash, so these rows go, and people sign in once more. The same happens to people who
reach a process of the release before while this one is rolled out.
"""

import base64
import hashlib

from django.db import migrations
from django.utils import timezone

#: Django's keys have 32 characters, hashes 40.
HASHED = 40


def forwards(apps, schema_editor):
    sessions = apps.get_model("sessions", "Session").objects.using(schema_editor.connection.alias)
    sessions.filter(expire_date__lt=timezone.now()).delete()
    for key in list(sessions.values_list("session_key", flat=True)):
        if len(key) != HASHED:
            digest = hashlib.sha256(key.encode()).digest()
            sessions.filter(session_key=key).update(session_key=base64.urlsafe_b64encode(digest[:30]).decode())


def backwards(apps, schema_editor):
    sessions = apps.get_model("sessions", "Session").objects.using(schema_editor.connection.alias)
    sessions.extra(where=["length(session_key) = %s"], params=[HASHED]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_known_addresses"),
        ("sessions", "0001_initial"),
    ]

    operations = [migrations.RunPython(forwards, backwards)]
