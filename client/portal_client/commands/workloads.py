"""``portal rewrite`` and ``portal cluster inventory``: manifests that take their images from here, and what runs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from portal_client import finding
from portal_client.api import Row
from portal_client.commands.base import Command, in_project, using
from portal_client.commands.imports import wait_for
from portal_client.errors import PortalError
from portal_client.kinds import CLUSTERS
from portal_client.output import Output
from portal_client.session import current
from portal_client.words import _

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_STANDARD_INPUT = Path("-")


@in_project
@click.command(
    cls=Command,
    help=_("Point the images of manifests here and print the result. Only image names change."),
)
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE…")
@click.option("--pin", is_flag=True, help=_("By digest, not by tag."))
@click.option("--import", "imports", is_flag=True, help=_("Import what is missing, and point it here."))
@click.option("--diff", is_flag=True, help=_("Print what changes, as a unified diff."))
@click.option("--in-place", "-i", is_flag=True, help=_("Change the files."))
@click.option(
    "--wait", "-w", is_flag=True, help=_("Wait until the import ends; exit with 1 if anything fails.")
)
def rewrite(files: tuple[Path, ...], project: str, wait: bool, **options: Any) -> int:
    if len(files) > 1 and not (options["diff"] or options["in_place"]):
        raise click.UsageError(_("For several files, use --in-place or --diff."))
    if options["in_place"] and _STANDARD_INPUT in files:
        raise click.UsageError(_("Standard input can't be changed in place."))
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        batches: dict[str, Row] = {}
        # All are read before anything is asked for.
        for path, text in [(path, _text_of(path)) for path in files]:
            body = {"text": text, "pin": options["pin"], "import_missing": options["imports"]}
            answer = api.post(f"/projects/{found['id']}/rewrite", body)
            _tell(path, answer, session.out, diff=options["diff"], in_place=options["in_place"])
            if answer["batch"]:
                where = f"/projects/{found['id']}/images/import/batches/{answer['batch']}"
                batches[where] = api.get(where)
        out = replace(session.out, beside=options["diff"] or not options["in_place"])
        return wait_for(api, batches, out, wait=wait) if batches else 0


def _text_of(path: Path) -> str:
    """As it is: line endings stay.

    :raises PortalError: it can't be read.
    """
    with using(path):
        content = sys.stdin.buffer.read() if path == _STANDARD_INPUT else path.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise PortalError(_("Can't read %(path)s: %(reason)s") % {"path": path, "reason": exc}) from exc


def _tell(path: Path, answer: Row, out: Output, *, diff: bool, in_place: bool) -> None:
    """Print or write what came back; what does not point here is said on standard error.

    :raises PortalError: the file can't be written.
    """
    if in_place:
        with using(path):
            path.write_bytes(answer["text"].encode())
    if out.as_json:
        out.line(answer)
    elif diff or not in_place:
        sys.stdout.write(answer["diff" if diff else "text"])
    reasons = {each["image"]: each["detail"] for each in answer["skipped"]}
    for each in answer["images"]:
        if each["image"] in reasons:
            out.warn(f"{path}: {each['image']}: {reasons[each['image']]}")
        elif each["state"] == "unreadable":
            out.warn(_("%(path)s: %(image)s is left as it is.") % {"path": path, "image": each["image"]})
        elif each["state"] == "missing" and not answer["batch"]:
            out.warn(_("%(path)s: %(image)s is not in the project.") % {"path": path, "image": each["image"]})


@in_project
@click.command(
    cls=Command,
    help=_(
        "Send what a cluster runs, from standard input: kubectl get pods -A -o json | portal cluster inventory NAME"
    ),
)
@click.argument("name")
def inventory(name: str, project: str) -> None:
    try:
        pods = json.load(sys.stdin)
    except ValueError as exc:
        raise PortalError(
            _("Can't read %(path)s: %(reason)s") % {"path": _STANDARD_INPUT, "reason": exc}
        ) from exc
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        rows = api.rows(CLUSTERS.address(found["id"]))
        cluster = finding.one_of(rows, name, CLUSTERS.name_of, CLUSTERS.noun)
        answer = api.post(f"{CLUSTERS.address(found['id'], cluster['id'])}/inventory", pods)
        session.out.one(answer, list(answer))
