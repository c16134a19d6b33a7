"""Whether an attempt may have put the tag already."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("imageimport", "0003_webhook_failures_only")]

    operations = [
        migrations.AddField(
            model_name="importtask",
            name="committing",
            # A database default: code from before this column goes on inserting rows during a deploy.
            field=models.BooleanField(db_default=False, default=False),
        )
    ]
