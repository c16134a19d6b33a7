import accounts.ids
import accounts.labels
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('projects', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Cluster',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(max_length=100, validators=[accounts.labels.check_label], verbose_name='name')),
                ('seen_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last seen')),
                ('pods', models.PositiveIntegerField(default=0, editable=False, verbose_name='pods')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='clusters', to='projects.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'cluster',
                'verbose_name_plural': 'clusters',
                'ordering': ('name', 'id'),
            },
        ),
        migrations.CreateModel(
            name='ClusterImage',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('image', models.CharField(max_length=600, verbose_name='image')),
                ('digest', models.CharField(blank=True, db_index=True, default='', max_length=160, verbose_name='digest')),
                ('pods', models.PositiveIntegerField(default=0, verbose_name='pods')),
                ('namespaces', models.JSONField(blank=True, default=list, verbose_name='namespaces')),
                ('cluster', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='images', to='workloads.cluster', verbose_name='cluster')),
            ],
            options={
                'verbose_name': 'image of a cluster',
                'verbose_name_plural': 'images of clusters',
                'ordering': ('image', 'digest'),
            },
        ),
        migrations.AddConstraint(
            model_name='cluster',
            constraint=models.UniqueConstraint(fields=('project', 'name'), name='cluster_name_once'),
        ),
        migrations.AddConstraint(
            model_name='clusterimage',
            constraint=models.UniqueConstraint(fields=('cluster', 'image', 'digest'), name='cluster_image_once'),
        ),
    ]
