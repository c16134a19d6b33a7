from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0001_initial"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="imageblob",
            name="blob_of_project",
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=models.Q(("last_pulled_at", None), ("pull_count", 0)),
                fields=["project", "pull_count", "last_pulled_at", "-size", "repository", "tag"],
                name="image_never_pulled",
            ),
        ),
        migrations.AddIndex(
            model_name="imageblob",
            index=models.Index(fields=["project", "digest", "size"], name="blob_of_project"),
        ),
    ]
