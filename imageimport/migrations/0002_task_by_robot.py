from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imageimport', '0001_initial'),
        ('projects', '0002_never_pulled_and_blobs'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='importtask',
            index=models.Index(condition=models.Q(('robot', ''), _negated=True), fields=['robot'], name='task_by_robot'),
        ),
    ]
