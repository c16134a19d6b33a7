"""``python manage.py importbundle FILE … --project NAME``: images of files, watched until the last has ended."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.utils.encoders import JSONEncoder

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError, FieldErrors, sentence_of
from imageimport.api.serializers.batches import BatchResultSerializer
from imageimport.batches import from_bundle
from imageimport.batches import services as batches
from imageimport.batches.selectors import results_of
from imageimport.bundles import uploads
from imageimport.choices import Status
from imageimport.management import requester
from imageimport.management.terminal import display_for, follow
from imageimport.models import BundleUpload, ImportBatch, ImportTask
from imageimport.selectors import render_error, render_message
from imageimport.webhooks.links import link
from oci.errors import OciError
from projects.models import Project

#: Exit statuses besides 0: an import failed; a file is no archive or was changed; something is missing.
FAILED: Final = 1
STATUS: Final = {"bundle_invalid": 2, "bundle_incomplete": 3}
INTERRUPTED: Final = 130
#: Nothing failed, but something waits for approval.
REQUESTED: Final = 4


class Command(BaseCommand):
    help = (
        "Imports the images of a file, or of all volumes of a bundle, into a project. Exit status: 0 success, "
        "1 failure, 2 a file is no archive or was changed, 3 a volume or an earlier bundle is missing, "
        "4 approval needed, 130 interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="an archive, or all volumes of a bundle")
        parser.add_argument("--project", required=True, metavar="NAME")
        parser.add_argument(
            "--image", action="append", metavar="NAME:TAG", help="only this image; repeatable; default: all"
        )
        parser.add_argument("--prefix", default="", metavar="P", help="prefix of the names in the project")
        parser.add_argument(
            "--no-overwrite", action="store_true", help="fail if a tag already points to another image"
        )
        requester.add_argument(parser)
        parser.add_argument(
            "--json", action="store_true", help="print the result of each image as JSON on standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(name=options["project"]).first()
        if project is None:
            raise CommandError(_("The project %(name)s doesn't exist.") % {"name": options["project"]})
        user = requester.find(options["user"])
        adopted: list[BundleUpload] = []
        try:
            with acting_as(user):
                adopted.extend(_adopt(project, user, Path(name)) for name in options["files"])
                batch = self._start(project, user, adopted, options)
            self._watch(batch, options)
        finally:
            for upload in adopted:
                _let_go(upload)
        self._finish(batch, options)

    def _start(
        self, project: Project, user: User | None, adopted: Sequence[BundleUpload], options: dict[str, Any]
    ) -> ImportBatch:
        try:
            ready = from_bundle.prepare(
                project=project,
                upload_ids=[upload.pk for upload in adopted],
                images=options["image"],
                target_prefix=options["prefix"],
                overwrite=not options["no_overwrite"],
                patient=True,
            )
            return from_bundle.commit(ready, user=user)
        except FieldErrors as exc:
            raise CommandError("\n".join(each for found in exc.errors.values() for each in found)) from exc
        except (ApplicationError, OciError) as exc:
            _refuse(exc)

    def _watch(self, batch: ImportBatch, options: dict[str, Any]) -> None:
        stream = sys.stderr if options["json"] else sys.stdout
        try:
            tasks = batch.tasks.order_by("batch_index").exclude(status=Status.REQUESTED)
            for pk, image in tasks.values_list("pk", "target_image"):
                stream.write(f"{image}\n")
                with display_for(stream) as display:
                    for task in follow(pk):
                        display.show(task)
        except KeyboardInterrupt:
            self.stderr.write(_("Canceling the import…"))
            try:
                batches.cancel(batch=batch)
            except ApplicationError:
                self.stderr.write(_("The import has already finished."))
            sys.exit(INTERRUPTED)

    def _finish(self, batch: ImportBatch, options: dict[str, Any]) -> None:
        if options["json"]:
            rows = BatchResultSerializer(results_of(batch), many=True).data
            self.stdout.write(json.dumps(rows, cls=JSONEncoder, indent=2))
        tasks = batch.tasks.select_related("project").order_by("batch_index")
        waiting = [task for task in tasks if task.is_requested]
        failed = [task for task in tasks if task.status != Status.SUCCESS and not task.is_requested]
        for task in waiting:
            # An approval may take days: no terminal waits for that.
            self.stderr.write(
                _(
                    "The import of %(image)s needs approval. A maintainer of the project can approve it: %(url)s"
                )
                % {
                    "image": task.target_image,
                    "url": link(reverse("import-detail", args=[task.project.name, task.pk])),
                }
            )
        if failed:
            codes = {STATUS.get(task.error_code, FAILED) for task in failed}
            status = codes.pop() if len(codes) == 1 else FAILED
            raise CommandError("\n".join(map(_line_of, failed)), returncode=status)
        if waiting:
            sys.exit(REQUESTED)


def _adopt(project: Project, user: User | None, path: Path) -> BundleUpload:
    try:
        return uploads.adopt(project=project, user=user, path=path)
    except FieldErrors as exc:
        raise CommandError(f"{path}: {exc.first}") from exc
    except ApplicationError as exc:
        raise CommandError(exc.detail) from exc
    except OSError as exc:
        raise CommandError(f"{path}: {exc.strerror or exc}") from exc


def _let_go(upload: BundleUpload) -> None:
    """What was watched to its end is not needed here anymore; what still runs keeps it."""
    try:
        uploads.delete(upload=upload)
    except ApplicationError:
        return  # It expires like any other.


def _refuse(exc: ApplicationError | OciError) -> NoReturn:
    raise CommandError(f"{exc.code}: {sentence_of(exc)}", returncode=STATUS.get(exc.code, FAILED)) from exc


def _line_of(task: ImportTask) -> str:
    sentence = render_error(task) or render_message(task)
    return f"{task.target_image}: {task.error_code}: {sentence}" if task.error_code else sentence
