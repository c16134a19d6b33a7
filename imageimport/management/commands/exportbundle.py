"""``python manage.py exportbundle PROJECT/NAME:TAG … -o FILE``: images of the registry as one file."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors, sentence_of
from imageimport.bundles import local_file, receipts, services
from imageimport.bundles.composing import BundleOptions, Composition, NotReadable, WantedImage, compose
from oci.errors import OciError
from projects.models import Project
from projects.templatetags.portal import size

FAILED: Final = 1
USAGE: Final = 2
NOT_WRITTEN: Final = 3
INTERRUPTED: Final = 130


class Command(BaseCommand):
    help = (
        "Exports images as one file, a tar of an OCI image layout. An interrupted export continues where it stopped. "
        "Exit status: 0 success, 1 the registry failed, 2 wrong arguments or no such image, 3 the file can't be "
        "written, 130 interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("images", nargs="+", metavar="PROJECT/NAME:TAG")
        parser.add_argument("-o", "--output", required=True, metavar="FILE", type=Path)
        parser.add_argument(
            "--known",
            metavar="FILE",
            type=Path,
            help="a receipt of the other side; what it lists is left out",
        )
        parser.add_argument(
            "--platform", action="append", default=[], metavar="P", help="like linux/amd64; repeatable"
        )
        parser.add_argument("--no-referrers", action="store_true", help="do not include signatures and SBOMs")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["output"]
        try:
            wanted = _wanted(options["images"])
            found = compose(wanted, _options(options))
            services.note_export(wanted, file_name=target.name)
            kept = local_file.write(found, target, self._progress(found))
        except FieldErrors as exc:
            _fail("\n".join(each for errors in exc.errors.values() for each in errors), USAGE)
        except NotReadable as exc:
            _fail(f"{exc.image}: {sentence_of(exc.error)}", USAGE)
        except OciError as exc:
            _fail(f"{exc.code}: {sentence_of(exc)}", FAILED)
        except OSError as exc:
            _fail(
                _("%(file)s can't be written: %(reason)s") % {"file": target, "reason": exc.strerror},
                NOT_WRITTEN,
            )
        except KeyboardInterrupt:
            self.stderr.write(_("Run the same command again to continue."))
            sys.exit(INTERRUPTED)
        self.stdout.write(
            _("Wrote %(file)s: %(images)d images, %(size)s. %(kept)s were there from an earlier run.")
            % {"file": target, "images": len(found.images), "size": size(found.size), "kept": size(kept)}
        )

    def _progress(self, found: Composition) -> Callable[[int], None]:
        """Shows the percent on a terminal."""
        shown = -1

        def show(done: int) -> None:
            nonlocal shown
            percent = done * 100 // found.size
            if percent != shown and self.stderr.isatty():
                shown = percent
                self.stderr.write(f"\r{percent} %", ending="\n" if done == found.size else "")

        return show


def _wanted(texts: Collection[str]) -> list[WantedImage]:
    """The images that the arguments name.

    :raises FieldErrors: one of them names no project, or two have one name in the file.
    """
    by_project: dict[str, list[str]] = {}
    for text in texts:
        project, _slash, name = text.partition("/")
        by_project.setdefault(project, []).append(name)
    found: dict[str, WantedImage] = {}
    for project, names in by_project.items():
        row = Project.objects.filter(name=project).first()
        if row is None:
            raise FieldErrors({"images": [_("The project %(name)s doesn't exist.") % {"name": project}]})
        for each in services.wanted_images(row, names):
            if each.name in found:
                sentence = _("%(name)s is named twice. Export the projects into two files.")
                raise FieldErrors({"images": [sentence % {"name": each.name}]})
            found[each.name] = each
    return list(found.values())


def _options(options: dict[str, Any]) -> BundleOptions:
    """What the command's options say of the bundle.

    :raises FieldErrors: a platform or the receipt can't be read.
    """
    return BundleOptions(
        platforms=services.checked_platforms(options["platform"]),
        include_referrers=not options["no_referrers"],
        known=_known(options["known"]),
    )


def _known(file: Path | None) -> frozenset[str]:
    if file is None:
        return frozenset()
    try:
        return receipts.parse_receipt(file.read_bytes()).digests
    except OSError as exc:
        raise FieldErrors({"known": [f"{file}: {exc.strerror}"]}) from None
    except ValueError:
        sentence = _("%(file)s is not a receipt. A receipt is JSON with a list of digests.")
        raise FieldErrors({"known": [sentence % {"file": file}]}) from None


def _fail(sentence: str, code: int) -> NoReturn:
    raise CommandError(sentence, returncode=code)
