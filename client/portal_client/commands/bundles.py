"""``portal bundle``, ``portal upload``: images as files, out of a portal and into one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from portal_client import finding, transfers
from portal_client.api import Api, Row
from portal_client.commands.base import Command, Group, confirm, in_project, using
from portal_client.commands.imports import wait_for
from portal_client.errors import PortalError
from portal_client.output import is_terminal
from portal_client.session import current
from portal_client.words import _

_COLUMNS = ("id", "name", "size", "images", "created_by", "created_at")
_UNITS = {
    "": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}
_HERE = click.Path(path_type=Path, file_okay=False, exists=True)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group(cls=Group, help=_("Images as files, to carry them where no network reaches."))
def bundle() -> None:
    """Commands below."""


@in_project
@bundle.command("list", help=_("Bundles of the project, newest first."))
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, help=_("Show at most this many; 0 shows all.")
)
def list_(project: str, limit: int) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        rows = api.rows(f"/projects/{found['id']}/bundles", limit=limit)
        if session.out.as_json:
            session.out.rows(rows, _COLUMNS)
        else:
            session.out.rows(({**row, "images": str(len(row["images"]))} for row in rows), _COLUMNS)


@in_project
@bundle.command(help=_("Create a bundle of images, each as NAME:TAG."))
@click.argument("images", nargs=-1, required=True, metavar="NAME:TAG…")
@click.option("--name", default="", metavar="TEXT", help=_("What the bundle is called."))
@click.option("--platform", "platforms", metavar="P", multiple=True,
              help=_("Like linux/amd64; repeatable; default: all."))  # fmt: skip
@click.option("--no-referrers", is_flag=True, help=_("Do not copy signatures and SBOMs."))
@click.option("--known", default="", metavar="FILE|ID",
              help=_("What the other side has: its receipt, or an earlier bundle."))  # fmt: skip
@click.option(
    "--volume-size", default="", metavar="SIZE", help=_("Size of the files, such as 4GB or 700MiB.")
)
@click.option("--output", "-o", type=_HERE, metavar="DIR", help=_("Download the files into this folder."))
def create(images: tuple[str, ...], project: str, output: Path | None, **options: Any) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        body: Row = {
            "images": list(images),
            "name": options["name"],
            "platforms": list(options["platforms"]),
            "include_referrers": not options["no_referrers"],
            "known": _known(options["known"]),
            "volume_bytes": _bytes(options["volume_size"]),
        }
        made = api.post(f"/projects/{found['id']}/bundles", body)
        if output is not None:
            _download(api, made, output)
        session.out.one(made, ("id", "name", "size", "omitted_bytes"))


@in_project
@bundle.command(help=_("Download the files of a bundle; the same command continues what was interrupted."))
@click.argument("bundle_id", metavar="ID", type=click.UUID)
@click.option("--output", "-o", type=_HERE, default=Path(), metavar="DIR",
              help=_("The folder; default: this one."))  # fmt: skip
def download(bundle_id: uuid.UUID, project: str, output: Path) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        row = api.get(f"/projects/{found['id']}/bundles/{bundle_id}")
        for path in _download(api, row, output):
            session.out.say(str(path))
        if session.out.as_json:
            session.out.line(row)


@in_project
@bundle.command(help=_("Delete bundles. Their images stay."))
@click.argument("ids", nargs=-1, required=True, type=click.UUID, metavar="ID…")
@click.option("--yes", "-y", is_flag=True, help=_("Don't ask."))
def remove(ids: tuple[uuid.UUID, ...], project: str, yes: bool) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        names = ", ".join(map(str, ids))
        confirm(_("Remove %(names)s from %(project)s?") % {"names": names, "project": project}, yes)
        for each in ids:
            api.delete(f"/projects/{found['id']}/bundles/{each}")
            session.out.say(_("Removed %(what)s %(name)s.") % {"what": _("bundle"), "name": each})


@in_project
@bundle.command(help=_("Write what the project holds, for the other side's next bundle."))
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
              help=_("The file to write."))  # fmt: skip
def receipt(project: str, output: Path) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        answer = api.get(f"/projects/{found['id']}/receipt")
        with using(output):
            output.write_text(json.dumps(answer) + "\n", encoding="utf-8")
        session.out.say(
            _("Wrote %(path)s: %(number)d digests.") % {"path": output, "number": len(answer["digests"])}
        )


@in_project
@bundle.command("import", help=_("Import images from files: bundles, OCI layouts, docker save."))
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE…")
@click.option("--image", "images", multiple=True, metavar="NAME:TAG", help=_("Only this image; repeatable."))
@click.option("--prefix", default="", metavar="NAME", help=_("Put before the names in the project."))
@click.option("--no-overwrite", is_flag=True, help=_("Fail if the tag already points to another image."))
@click.option(
    "--wait", "-w", is_flag=True, help=_("Wait until the import ends; exit with 1 if anything fails.")
)
def import_(files: tuple[Path, ...], project: str, wait: bool, **options: Any) -> int:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        body: Row = {"uploads": [_upload(api, found["id"], each) for each in files]}
        if options["images"]:
            body["images"] = list(options["images"])
        if options["prefix"]:
            body["target_prefix"] = options["prefix"]
        if options["no_overwrite"]:
            body["overwrite"] = False
        batch = api.post(f"/projects/{found['id']}/bundles/import", body, key=uuid.uuid4().hex)
        rows = {f"/projects/{found['id']}/images/import/batches/{batch['id']}": batch}
        return wait_for(api, rows, session.out, wait=wait)


@in_project
@click.command(cls=Command, help=_("Send files with images without importing them yet; prints their ids."))
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE…")
def upload(files: tuple[Path, ...], project: str) -> None:
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        for each in files:
            made = _upload(api, found["id"], each)
            if session.out.as_json:
                session.out.line({"id": made, "file_name": each.name})
            session.out.say(f"{made}  {each.name}")


def _upload(api: Api, project_id: str, file: Path) -> str:
    with using(file), _bar(file.name, file.stat().st_size) as on_progress:
        return transfers.upload(api, project_id, file, on_progress)


def _download(api: Api, row: Row, folder: Path) -> list[Path]:
    """The files of a bundle; those that are there with their size are not fetched again."""
    fetched = []
    for volume in row["volumes"]:
        # Names and addresses come from the portal that the user named: only their last parts are taken.
        target = folder / Path(volume["file_name"]).name
        path = "/projects/" + urlsplit(volume["url"]).path.partition("/api/v1/projects/")[2]
        with using(target), _bar(target.name, volume["size"]) as on_progress:
            if not target.exists() or target.stat().st_size != volume["size"]:
                transfers.download(api, path, target, volume["size"], on_progress)
        fetched.append(target)
    return fetched


def _known(text: str) -> Any:
    """The receipt in a file, or the id of a bundle.

    :raises PortalError: the file can't be read.
    """
    if not text:
        return None
    path = Path(text)
    if not path.exists():
        return text
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise PortalError(_("Can't read %(path)s: %(reason)s") % {"path": path, "reason": exc}) from exc


def _bytes(text: str) -> int | None:
    """The number of bytes of an amount such as ``4GB``.

    :raises click.UsageError: it is no amount.
    """
    if not text:
        return None
    plain = text.strip().lower()
    number = plain.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = plain[len(number) :].strip()
    try:
        return int(float(number) * _UNITS[unit])
    except (ValueError, KeyError):
        raise click.UsageError(_("Write the size as 4GB or 700MiB.")) from None


@contextmanager
def _bar(name: str, size: int) -> Iterator[Callable[[int], None]]:
    """Shows on a terminal how much of a file has moved."""
    if not is_terminal():
        yield lambda _done: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=size)
        yield lambda done: progress.update(task, completed=done)
