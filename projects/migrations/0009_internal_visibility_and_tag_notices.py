"""A third visibility, and the tags that wait to be looked at.

Undone, an internal project is a private one to code that knows two visibilities only.
"""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0008_refusal_counts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='project',
            name='visibility',
            field=models.CharField(choices=[('private', 'Private'), ('internal', 'Internal'), ('public', 'Public')], default='private', max_length=8, verbose_name='visibility'),
        ),
        migrations.CreateModel(
            name='TagNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('repository', models.CharField(max_length=255)),
                ('tag', models.CharField(max_length=128)),
                ('digest', models.CharField(blank=True, default='', max_length=160)),
                ('noted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='projects.project')),
            ],
            options={
                'ordering': ('due_at', 'id'),
                'indexes': [models.Index(fields=['due_at', 'id'], name='notice_due')],
                'constraints': [models.UniqueConstraint(fields=('project', 'repository', 'tag'), name='one_notice_a_tag')],
            },
        ),
    ]
