from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ImageImportConfig(AppConfig):
    name = "imageimport"
    verbose_name = _("Image imports")

    def ready(self) -> None:
        from imageimport import cleaning, quotas, restore, search
        from imageimport.bundles.keeping import listed
        from imageimport.models import TagDigest
        from imageimport.schedules import fights, returning, targets
        from imageimport.worker import dispatch
        from projects import keeping, quota, repositories
        from projects.contents import indexing
        from projects.registry import putting_back, tag_notices
        from projects.retention import cleanup, collection, rules, trash
        from projects.scanning import services as scanners
        from projects.token_service import writers

        tag_notices.when_noted.append(dispatch.look)
        indexing.when_wanted.append(dispatch.read_files)
        keeping.register("bundles", listed)
        putting_back.when_restored.append(cleaning.tell_restored)
        cleanup.tag_keepers.extend([returning.tags_to_come, cleaning.tags_being_written])
        rules.fights.append(fights.of_rule)
        repositories.sync_finders.append(targets.of_project)
        trash.before_restore.append(restore.judge_trashed)
        quota.coming.append(quotas.coming)
        writers.writing.append(cleaning.writing_until)
        collection.blob_keepers.append(cleaning.blobs_on_their_way)
        collection.digest_keepers.append(cleaning.named_lately)
        scanners.also_named.append(TagDigest.objects.all)
        post_migrate.connect(search.ensure, sender=self, dispatch_uid="imageimport.search")
