import accounts.ids
import accounts.labels
import accounts.sealed
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import projects.hours
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Project',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(max_length=63, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*\\Z', 'Use lowercase letters and digits, joined by single dots, underscores or hyphens.')], verbose_name='name')),
                ('description', models.CharField(blank=True, default='', max_length=500, validators=[accounts.labels.check_label], verbose_name='description')),
                ('visibility', models.CharField(choices=[('private', 'Private'), ('internal', 'Internal'), ('public', 'Public')], default='private', max_length=8, verbose_name='visibility')),
                ('language', models.CharField(choices=[('en', 'English'), ('zh-hans', '简体中文')], db_default='en', default='en', max_length=10, verbose_name='language')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='updated at')),
                ('quota_images', models.PositiveIntegerField(blank=True, null=True, verbose_name='image limit')),
                ('quota_bytes', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='storage limit')),
                ('quota_queued', models.PositiveIntegerField(blank=True, null=True, verbose_name='queue limit')),
                ('bandwidth', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='bytes per second')),
                ('window', models.CharField(blank=True, db_default='', default='', max_length=100, validators=[projects.hours.check_window], verbose_name='hours')),
                ('naming', models.CharField(choices=[('short', 'Short, such as nginx'), ('full', 'Full, such as docker.io/library/nginx')], db_default='short', default='short', max_length=5, verbose_name='naming')),
                ('platforms', models.JSONField(blank=True, db_default=[], default=list, verbose_name='default platforms')),
                ('retention_cron', models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='clean-up schedule')),
                ('retention_next_at', models.DateTimeField(blank=True, null=True, verbose_name='next clean-up')),
                ('trash_days', models.PositiveSmallIntegerField(db_default=7, default=7, verbose_name='days in the trash')),
                ('default_action', models.CharField(choices=[('allow', 'Allow'), ('approve', 'Ask for approval'), ('refuse', 'Refuse')], db_default='allow', default='allow', max_length=8, verbose_name='without a rule')),
                ('requests_from', models.CharField(choices=[('developer', 'Developers'), ('viewer', 'All members')], db_default='developer', default='developer', max_length=10, verbose_name='who can request approval')),
                ('request_days', models.PositiveSmallIntegerField(db_default=14, default=14, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='days until a request ends')),
                ('first_pull', models.CharField(choices=[('off', 'Off'), ('viewer', 'All members and robot accounts'), ('developer', 'Developers and robot accounts that can push')], db_default='off', default='off', max_length=10, verbose_name='first pull')),
                ('first_pull_fresh_seconds', models.PositiveIntegerField(db_default=3600, default=3600, validators=[django.core.validators.MaxValueValidator(31536000)], verbose_name='seconds until a tag is checked again')),
                ('four_eyes', models.BooleanField(db_default=False, default=False, verbose_name='four eyes')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'project',
                'verbose_name_plural': 'projects',
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('developer', 'Developer'), ('maintainer', 'Maintainer'), ('owner', 'Owner')], max_length=10, verbose_name='role')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
                'ordering': ('created_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='PushGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Holding',
            fields=[
                ('project', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='holding', serialize=False, to='projects.project', verbose_name='project')),
                ('images', models.BigIntegerField(default=0, verbose_name='images')),
                ('bytes', models.BigIntegerField(default=0, verbose_name='bytes')),
            ],
        ),
        migrations.CreateModel(
            name='Image',
            fields=[
                ('repository', models.CharField(max_length=255, verbose_name='repository')),
                ('tag', models.CharField(max_length=128, verbose_name='tag')),
                ('digest', models.CharField(max_length=160, verbose_name='digest')),
                ('media_type', models.CharField(blank=True, default='', max_length=255, verbose_name='media type')),
                ('artifact_type', models.CharField(blank=True, default='', max_length=255, verbose_name='artifact type')),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='size')),
                ('platforms', models.JSONField(blank=True, default=list, verbose_name='platforms')),
                ('children', models.JSONField(blank=True, default=list, verbose_name='children')),
                ('source_image', models.CharField(blank=True, default='', max_length=600, verbose_name='source image')),
                ('signature', models.JSONField(blank=True, null=True, verbose_name='signature')),
                ('pull_count', models.PositiveBigIntegerField(default=0, verbose_name='pulls')),
                ('last_pulled_at', models.DateTimeField(blank=True, null=True, verbose_name='last pulled')),
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='updated')),
                ('checked_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='checked at')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='images', to='projects.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'image',
                'verbose_name_plural': 'images',
                'ordering': ('-updated_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='ImageBlob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=160, verbose_name='digest')),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='size')),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='blobs', to='projects.image')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='projects.project')),
            ],
        ),
        migrations.CreateModel(
            name='LayerIndex',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('digest', models.CharField(max_length=160, unique=True, verbose_name='digest')),
                ('state', models.CharField(choices=[('reading', 'Reading'), ('done', 'Done'), ('failed', 'Failed')], default='reading', max_length=7, verbose_name='state')),
                ('bytes_done', models.PositiveBigIntegerField(default=0, verbose_name='bytes read')),
                ('entries', models.PositiveIntegerField(default=0, verbose_name='files')),
                ('firsts', models.BinaryField(default=b'')),
                ('error', models.JSONField(blank=True, null=True, verbose_name='error')),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
            ],
            options={
                'verbose_name': 'file index',
                'verbose_name_plural': 'file indexes',
                'indexes': [models.Index(fields=['state', 'claimed_until'], name='layer_index_claimed')],
            },
        ),
        migrations.CreateModel(
            name='LayerIndexPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
                ('index', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='projects.layerindex')),
            ],
        ),
        migrations.AddField(
            model_name='project',
            name='members',
            field=models.ManyToManyField(related_name='projects', through='projects.Membership', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='membership',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='projects.project', verbose_name='project'),
        ),
        migrations.AddField(
            model_name='membership',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.CreateModel(
            name='ProtectedTag',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('pattern', models.CharField(max_length=400, verbose_name='pattern')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='protected_tags', to='projects.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'protected tag',
                'verbose_name_plural': 'protected tags',
                'ordering': ('created_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='RefusalCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('project_name', models.CharField(blank=True, default='', max_length=63, verbose_name='project name')),
                ('hour', models.DateTimeField()),
                ('count', models.PositiveBigIntegerField(default=0, verbose_name='count')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('project_name', 'hour'), name='refusals_of_project_and_hour')],
            },
        ),
        migrations.CreateModel(
            name='RetentionRule',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('repositories', models.JSONField(blank=True, default=list, verbose_name='repositories')),
                ('tags', models.JSONField(blank=True, default=list, verbose_name='tags')),
                ('keep_newest', models.PositiveIntegerField(blank=True, null=True, verbose_name='keep the newest')),
                ('keep_pulled_days', models.PositiveIntegerField(blank=True, null=True, verbose_name='keep pulled within days')),
                ('keep_pushed_days', models.PositiveIntegerField(blank=True, null=True, verbose_name='keep set within days')),
                ('order', models.CharField(choices=[('pushed', 'When they were updated'), ('version', 'Version')], default='pushed', max_length=7, verbose_name='order')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='retention_rules', to='projects.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'retention rule',
                'verbose_name_plural': 'retention rules',
                'ordering': ('created_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Robot',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(max_length=60, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*\\Z', 'Use lowercase letters and digits, joined by single dots, underscores or hyphens.')], verbose_name='name')),
                ('access', models.CharField(choices=[('pull', 'Pull'), ('push', 'Pull and push')], default='pull', max_length=4, verbose_name='access')),
                ('digest', models.CharField(max_length=64, verbose_name='digest')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires')),
                ('last_used_at', models.DateTimeField(blank=True, null=True, verbose_name='last used')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='robots', to='projects.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'robot account',
                'verbose_name_plural': 'robot accounts',
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='SavedFilter',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('list', models.CharField(choices=[('images', 'Images'), ('imports', 'Import history')], max_length=8, verbose_name='list')),
                ('name', models.CharField(max_length=60, validators=[accounts.labels.check_label], verbose_name='name')),
                ('query', models.CharField(max_length=1000, verbose_name='query')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='projects.project', verbose_name='project')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'saved filter',
                'verbose_name_plural': 'saved filters',
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Scanner',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('url', models.CharField(max_length=1000, verbose_name='URL')),
                ('auth_kind', models.CharField(choices=[('none', 'None'), ('basic', 'Username and password'), ('bearer', 'Bearer token'), ('api_key', 'API key')], default='none', max_length=7, verbose_name='sign-in')),
                ('auth_value', accounts.sealed.SealedTextField(blank=True, default='', editable=False, verbose_name='secret')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('scan_on_import', models.BooleanField(default=True, verbose_name='scan new images')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'scanner',
                'verbose_name_plural': 'scanners',
                'ordering': ('name', 'id'),
            },
        ),
        migrations.CreateModel(
            name='ImageScan',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('repository', models.CharField(max_length=255, verbose_name='repository')),
                ('digest', models.CharField(max_length=160, verbose_name='digest')),
                ('scanner_name', models.CharField(max_length=100, verbose_name='scanner')),
                ('state', models.CharField(choices=[('queued', 'Waiting for the scanner'), ('running', 'Being scanned'), ('done', 'Scanned'), ('failed', 'Scan failed')], default='queued', max_length=7, verbose_name='state')),
                ('critical', models.PositiveIntegerField(default=0, verbose_name='critical')),
                ('high', models.PositiveIntegerField(default=0, verbose_name='high')),
                ('medium', models.PositiveIntegerField(default=0, verbose_name='medium')),
                ('low', models.PositiveIntegerField(default=0, verbose_name='low')),
                ('negligible', models.PositiveIntegerField(default=0, verbose_name='negligible')),
                ('unknown', models.PositiveIntegerField(default=0, verbose_name='unknown')),
                ('scanned_at', models.DateTimeField(blank=True, null=True, verbose_name='scanned')),
                ('found', models.BinaryField(default=b'')),
                ('parts', models.JSONField(blank=True, default=list)),
                ('parts_done', models.PositiveIntegerField(default=0)),
                ('ticket', models.CharField(blank=True, default='', max_length=255)),
                ('error', models.JSONField(blank=True, null=True, verbose_name='error')),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='requested')),
                ('next_at', models.DateTimeField(blank=True, default=django.utils.timezone.now, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scans', to='projects.project', verbose_name='project')),
                ('scanner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='projects.scanner', verbose_name='scanner')),
            ],
            options={
                'verbose_name': 'scan',
                'verbose_name_plural': 'scans',
            },
        ),
        migrations.CreateModel(
            name='TagNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('repository', models.CharField(max_length=255, verbose_name='repository')),
                ('tag', models.CharField(max_length=128, verbose_name='tag')),
                ('digest', models.CharField(blank=True, default='', max_length=160, verbose_name='digest')),
                ('noted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='projects.project', verbose_name='project')),
            ],
            options={
                'ordering': ('due_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='TrashedTag',
            fields=[
                ('repository', models.CharField(max_length=255, verbose_name='repository')),
                ('tag', models.CharField(max_length=128, verbose_name='tag')),
                ('digest', models.CharField(max_length=160, verbose_name='digest')),
                ('media_type', models.CharField(blank=True, default='', max_length=255, verbose_name='media type')),
                ('artifact_type', models.CharField(blank=True, default='', max_length=255, verbose_name='artifact type')),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='size')),
                ('platforms', models.JSONField(blank=True, default=list, verbose_name='platforms')),
                ('children', models.JSONField(blank=True, default=list, verbose_name='children')),
                ('source_image', models.CharField(blank=True, default='', max_length=600, verbose_name='source image')),
                ('signature', models.JSONField(blank=True, null=True, verbose_name='signature')),
                ('pull_count', models.PositiveBigIntegerField(default=0, verbose_name='pulls')),
                ('last_pulled_at', models.DateTimeField(blank=True, null=True, verbose_name='last pulled')),
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('set_at', models.DateTimeField(verbose_name='set at')),
                ('removed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='removed at')),
                ('by_rule', models.BooleanField(default=False, verbose_name='by a rule')),
                ('expires_at', models.DateTimeField(verbose_name='expires')),
                ('gone_at', models.DateTimeField(blank=True, null=True, verbose_name='gone at')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='trash', to='projects.project', verbose_name='project')),
                ('removed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='removed by')),
            ],
            options={
                'verbose_name': 'tag in the trash',
                'verbose_name_plural': 'tags in the trash',
                'ordering': ('-removed_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='UsageDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('images', models.BigIntegerField(default=0, verbose_name='images')),
                ('bytes', models.BigIntegerField(default=0, verbose_name='bytes')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='usage_days', to='projects.project')),
            ],
            options={
                'ordering': ('day',),
            },
        ),
        migrations.CreateModel(
            name='Collection',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=7, verbose_name='state')),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='requested at')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                ('lease_expires_at', models.DateTimeField(blank=True, null=True)),
                ('freed_bytes', models.BigIntegerField(blank=True, null=True, verbose_name='freed bytes')),
                ('manifests', models.PositiveIntegerField(default=0, verbose_name='manifests')),
                ('blobs', models.PositiveIntegerField(default=0, verbose_name='blobs')),
                ('error', models.JSONField(blank=True, default=dict, verbose_name='error')),
                ('requested_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='requested by')),
            ],
            options={
                'verbose_name': 'garbage collection',
                'verbose_name_plural': 'garbage collections',
                'ordering': ('-asked_at', '-id'),
                'constraints': [models.UniqueConstraint(models.Value(1), condition=models.Q(('state__in', ('waiting', 'running'))), name='one_open_collection')],
            },
        ),
        migrations.CreateModel(
            name='GroupRole',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('group', models.CharField(max_length=255, verbose_name='group')),
                ('role', models.CharField(max_length=10, verbose_name='role')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_roles', to='projects.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'group',
                'verbose_name_plural': 'groups',
                'ordering': ('group', 'id'),
                'constraints': [models.UniqueConstraint(fields=('project', 'group'), name='one_role_a_group')],
            },
        ),
        migrations.CreateModel(
            name='DigestSubscription',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('due_at', models.DateTimeField(db_index=True, verbose_name='next digest')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='projects.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'digest subscription',
                'verbose_name_plural': 'digest subscriptions',
                'constraints': [models.UniqueConstraint(fields=('user', 'project'), name='one_digest_each')],
            },
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='id')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='at')),
                ('project_name', models.CharField(blank=True, default='', max_length=63, verbose_name='project name')),
                ('actor_name', models.CharField(blank=True, default='', max_length=255, verbose_name='actor name')),
                ('action', models.CharField(max_length=60, verbose_name='action')),
                ('subject', models.CharField(blank=True, default='', max_length=700, verbose_name='subject')),
                ('detail', models.JSONField(blank=True, default=dict, verbose_name='detail')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='address')),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='actor')),
                ('project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='audit_events', to='projects.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'audit log entry',
                'verbose_name_plural': 'audit log',
                'ordering': ('-at', '-id'),
                'indexes': [models.Index(fields=['project', '-at', '-id'], name='audit_newest'), models.Index(fields=['action', '-at'], name='audit_action'), models.Index(fields=['project', 'action', '-at', '-id'], name='audit_project_action'), models.Index(fields=['project', 'actor_name', '-at', '-id'], name='audit_project_actor'), models.Index(fields=['project', 'actor_name', 'action', '-at', '-id'], name='audit_actor_action'), models.Index(fields=['-at', '-id'], name='audit_newest_all')],
            },
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(fields=['project', '-updated_at', '-id'], name='image_newest'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(fields=['-updated_at', '-id'], name='image_newest_all'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(fields=['project', '-size', '-id'], name='image_largest'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(fields=['project', 'digest'], name='image_digest'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(fields=['project', 'repository', '-updated_at', '-id'], name='image_repository'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(fields=['project', 'tag', '-updated_at', '-id'], name='image_tag'),
        ),
        migrations.AddConstraint(
            model_name='image',
            constraint=models.UniqueConstraint(fields=('project', 'repository', 'tag'), name='one_row_a_tag'),
        ),
        migrations.AddIndex(
            model_name='imageblob',
            index=models.Index(fields=['project', 'digest'], name='blob_of_project'),
        ),
        migrations.AddIndex(
            model_name='imageblob',
            index=models.Index(fields=['digest', 'project'], name='blob_held_by'),
        ),
        migrations.AddConstraint(
            model_name='imageblob',
            constraint=models.UniqueConstraint(fields=('image', 'digest'), name='one_row_a_blob_of_an_image'),
        ),
        migrations.AddConstraint(
            model_name='layerindexpart',
            constraint=models.UniqueConstraint(fields=('index', 'number'), name='part_of_layer_index'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('project', 'user'), name='one_membership_each'),
        ),
        migrations.AddConstraint(
            model_name='protectedtag',
            constraint=models.UniqueConstraint(fields=('project', 'pattern'), name='protected_once'),
        ),
        migrations.AddConstraint(
            model_name='robot',
            constraint=models.UniqueConstraint(models.F('project'), django.db.models.functions.text.Lower('name'), name='robot_name_once'),
        ),
        migrations.AddConstraint(
            model_name='savedfilter',
            constraint=models.UniqueConstraint(fields=('user', 'project', 'list', 'name'), name='one_filter_a_name'),
        ),
        migrations.AddIndex(
            model_name='imagescan',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='scan_due'),
        ),
        migrations.AddConstraint(
            model_name='imagescan',
            constraint=models.UniqueConstraint(fields=('project', 'repository', 'digest'), name='scan_once_a_digest'),
        ),
        migrations.AddIndex(
            model_name='tagnotice',
            index=models.Index(fields=['due_at', 'id'], name='notice_due'),
        ),
        migrations.AddConstraint(
            model_name='tagnotice',
            constraint=models.UniqueConstraint(fields=('project', 'repository', 'tag'), name='one_notice_a_tag'),
        ),
        migrations.AddIndex(
            model_name='trashedtag',
            index=models.Index(fields=['project', 'gone_at', '-removed_at', '-id'], name='trash_newest'),
        ),
        migrations.AddIndex(
            model_name='trashedtag',
            index=models.Index(fields=['project', 'repository', 'tag', '-removed_at'], name='trash_tag'),
        ),
        migrations.AddIndex(
            model_name='trashedtag',
            index=models.Index(fields=['gone_at', 'expires_at'], name='trash_due'),
        ),
        migrations.AddConstraint(
            model_name='usageday',
            constraint=models.UniqueConstraint(fields=('project', 'day'), name='usage_once_a_day'),
        ),
    ]
