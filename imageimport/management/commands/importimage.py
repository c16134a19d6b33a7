"""``python manage.py importimage IMAGE --project NAME``: an import through the same pipeline, watched until its end."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.utils.encoders import JSONEncoder

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.api.serializers.tasks import TaskDetailSerializer
from imageimport.choices import TRANSPORTS_ASKED_FOR, Status
from imageimport.management import requester
from imageimport.management.terminal import display_for, follow
from imageimport.models import Credential, ImportTask
from imageimport.selectors import detailed, render_error, render_message
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.webhooks.links import link
from projects.models import Project
from projects.templatetags.portal import size

#: Waiting longer than this without a worker is worth a word, seconds.
NO_WORKER: Final = 15.0
INTERRUPTED: Final = 130
#: Someone has to approve it first.
REQUESTED: Final = 3


class Command(BaseCommand):
    help = (
        "Imports an image into a project and shows its progress. Exit status: 0 success, 1 failure, 3 approval needed, "
        "130 interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("image", help="any reference that docker pull takes")
        parser.add_argument("--project", required=True, metavar="NAME")
        parser.add_argument("--name", default="", metavar="N", help="name inside the project")
        parser.add_argument("--tag", default="", metavar="T", help="tag at the target")
        parser.add_argument(
            "--platform", action="append", default=[], metavar="P", help="like linux/amd64; repeatable"
        )
        parser.add_argument(
            "--username", default="", metavar="U", help="for the source; with --password-stdin"
        )
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )
        parser.add_argument("--credential", default="", metavar="NAME", help="a saved credential instead")
        parser.add_argument(
            "--no-overwrite", action="store_true", help="fail if the tag already points to another image"
        )
        parser.add_argument("--no-referrers", action="store_true", help="do not include signatures and SBOMs")
        parser.add_argument("--transport", default="", choices=["", *TRANSPORTS_ASKED_FOR])
        requester.add_argument(parser)
        parser.add_argument(
            "--json", action="store_true", help="print the finished import as JSON on standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            task = self._submit(options)
        except FieldErrors as exc:
            sentences = [sentence for found in exc.errors.values() for sentence in found]
            self._refuse(options, {"code": "invalid", "errors": exc.errors}, "\n".join(sentences))
        except ApplicationError as exc:
            self._refuse(options, {"code": exc.code, "detail": exc.detail, **exc.facts}, exc.detail)
        else:
            if task.is_requested:
                self._leave(task, options)
            self._finish(self._watch(task, options), options)

    def _submit(self, options: dict[str, Any]) -> ImportTask:
        project = Project.objects.filter(name=options["project"]).first()
        if project is None:
            raise CommandError(_("The project %(name)s doesn't exist.") % {"name": options["project"]})
        request = ImportRequest(
            image_url=options["image"],
            target_name=options["name"],
            target_tag=options["tag"],
            username=options["username"],
            password=_password(options),
            credential=_credential(project, options["credential"]),
            platforms=options["platform"] or None,
            overwrite=not options["no_overwrite"],
            include_referrers=not options["no_referrers"],
            transport=options["transport"],
        )
        user = requester.find(options["user"])
        with acting_as(user):
            return services.submit(project=project, user=user, request=request)

    def _watch(self, submitted: ImportTask, options: dict[str, Any]) -> ImportTask:
        task = submitted
        stream = sys.stderr if options["json"] else sys.stdout
        began, has_warned = time.monotonic(), False
        try:
            with display_for(stream) as display:
                for task in follow(submitted.pk):
                    display.show(task)
                    waits = task.status == Status.PENDING and not task.attempts
                    if waits and not has_warned and time.monotonic() - began > NO_WORKER:
                        has_warned = True
                        self.stderr.write(
                            _("No worker has started the import yet. Check that a worker is running.")
                        )
        except KeyboardInterrupt:
            self._interrupt(submitted)
        return task

    def _leave(self, task: ImportTask, options: dict[str, Any]) -> None:
        """An approval may take days: no terminal waits for that."""
        self._print_json(task, options)
        self.stderr.write(
            _("The import of %(image)s needs approval. A maintainer of the project can approve it: %(url)s")
            % {
                "image": task.source_image,
                "url": link(reverse("import-detail", args=[task.project.name, task.pk])),
            }
        )
        sys.exit(REQUESTED)

    def _print_json(self, task: ImportTask, options: dict[str, Any]) -> None:
        if options["json"]:
            whole = detailed().get(pk=task.pk)
            self.stdout.write(json.dumps(TaskDetailSerializer(whole).data, cls=JSONEncoder, indent=2))

    def _interrupt(self, task: ImportTask) -> None:
        """Ctrl-C stops the import, not only the watching."""
        self.stderr.write(_("Canceling the import…"))
        try:
            services.cancel(task=ImportTask.objects.get(pk=task.pk))
        except ApplicationError:
            self.stderr.write(_("The import has already finished."))
        sys.exit(INTERRUPTED)

    def _finish(self, task: ImportTask, options: dict[str, Any]) -> None:
        self._print_json(task, options)
        if task.status == Status.SUCCESS and not options["json"]:
            self.stdout.write(
                _("Imported %(image)s. Digest %(digest)s, %(moved)s transferred, %(reused)s reused.")
                % {
                    "image": task.target_image,
                    "digest": task.digest,
                    "moved": size(max(0, task.bytes_total - task.bytes_reused)),
                    "reused": size(task.bytes_reused),
                }
            )
        if task.status != Status.SUCCESS:
            sentence = render_error(task) or render_message(task)
            raise CommandError(f"{task.error_code}: {sentence}" if task.error_code else sentence)

    def _refuse(self, options: dict[str, Any], answer: dict[str, Any], sentence: str) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(answer, cls=JSONEncoder, indent=2))
        raise CommandError(sentence)


def _password(options: dict[str, Any]) -> str:
    """The one line of standard input, so that no process list and no shell history shows the password."""
    if not options["password_stdin"]:
        if options["username"]:
            raise CommandError(_("--username needs --password-stdin."))
        return ""
    if not options["username"]:
        raise CommandError(_("--password-stdin needs --username."))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandError(_("There is no password on standard input."))
    return password


def _credential(project: Project, name: str) -> Credential | None:
    if not name:
        return None
    found = Credential.objects.filter(project=project, name=name).first()
    if found is None:
        raise CommandError(_("The project has no credential named %(name)s.") % {"name": name})
    return found
