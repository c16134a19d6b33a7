"""Passwords go out of what was typed: of commands like ``podman pull --creds …`` the whole text was kept."""

from django.db import migrations
from django.db.models import Q

from oci.errors import OciError
from oci.reference.parser import read_pasted

#: Rows that are written at once.
CHUNK = 500


def _kept(text, otherwise):
    """The text as it would be kept today; a row of long ago that is not understood any more gets its reference."""
    try:
        return read_pasted(text).kept
    except OciError:
        return otherwise


def _may_hold(name):
    """Plain references hold no password: commands have spaces, addresses of pages a query or a fragment."""
    return Q(**{f"{name}__icontains": " "}) | Q(**{f"{name}__icontains": "?"}) | Q(**{f"{name}__icontains": "#"})


def _rewrite(rows, name, column, change):
    """Write ``column`` of those rows that ``change`` has changed."""
    found = list(rows.filter(_may_hold(name)).order_by().values_list("pk", flat=True))
    for start in range(0, len(found), CHUNK):
        chunk = rows.filter(pk__in=found[start : start + CHUNK])
        rows.bulk_update([row for row in chunk if change(row)], [column])


def _of_row(row):
    before = row.image_url
    row.image_url = _kept(before, getattr(row, "source_image", "") or "***")
    return row.image_url != before


def _of_event(row):
    before = row.subject
    row.subject = _kept(before, "***")
    return row.subject != before


def _of_payload(part):
    def change(row):
        asked = row.payload[part]
        before = asked["image_url"]
        asked["image_url"] = _kept(before, asked.get("source_image") or "***")
        return asked["image_url"] != before

    return change


def forward(apps, schema_editor):
    def rows_of(app, model):
        return apps.get_model(app, model).objects.using(schema_editor.connection.alias)

    tasks = rows_of("imageimport", "ImportTask").only("pk", "image_url", "source_image")
    _rewrite(tasks, "image_url", "image_url", _of_row)
    _rewrite(rows_of("imageimport", "Schedule").only("pk", "image_url"), "image_url", "image_url", _of_row)
    for part in ("task", "schedule"):
        deliveries = rows_of("imageimport", "WebhookDelivery").only("pk", "payload")
        _rewrite(deliveries, f"payload__{part}__image_url", "payload", _of_payload(part))
    events = rows_of("projects", "AuditEvent").filter(action__startswith="schedule.").only("pk", "subject")
    _rewrite(events, "subject", "subject", _of_event)


class Migration(migrations.Migration):
    dependencies = [
        ("imageimport", "0009_filtered_orders"),
        ("projects", "0007_filtered_orders"),
    ]

    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
