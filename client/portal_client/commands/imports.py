"""``portal import``: one image or many, and to wait for them."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Any

import click

from portal_client import finding, watching
from portal_client.api import Api, Row
from portal_client.commands.base import Command, in_project, secret_line
from portal_client.errors import PortalError
from portal_client.kinds import CREDENTIALS
from portal_client.output import Output, size
from portal_client.session import current
from portal_client.words import _


def source_options(command: Any) -> Any:
    """What an import and a plan of it are told about the source."""
    for option in (
        click.option("--username", metavar="U", default="", help=_("For the source; with --password-stdin.")),
        click.option("--password-stdin", is_flag=True, help=_("Read the source's password from standard input.")),
        click.option("--credential", metavar="NAME", default="", help=_("A saved credential of the project instead.")),
        click.option("--platform", "platforms", metavar="P", multiple=True,
                     help=_("Like linux/amd64; repeatable; default: all.")),
        click.option("--tag", default="", metavar="T", help=_("Tag in the project; default: the source's.")),
        click.option("--name", default="", metavar="N", help=_("Name inside the project; default: the source's.")),
    ):  # fmt: skip
        command = option(command)
    return command


def check_source(options: dict[str, Any]) -> None:
    """Check that the options about the source fit together.

    :raises click.UsageError: the options about the source don't fit together.
    """
    if bool(options["username"]) != options["password_stdin"]:
        raise click.UsageError(_("--username and --password-stdin belong together."))


def body_of(api: Api, project_id: str, options: dict[str, Any]) -> Row:
    """The fields of an import's body that hold for all images."""
    body: Row = {"platforms": list(options["platforms"])} if options["platforms"] else {}
    if options["credential"]:
        saved = api.rows(CREDENTIALS.address(project_id))
        body["credential"] = finding.one_of(
            saved, options["credential"], CREDENTIALS.name_of, CREDENTIALS.noun
        )["id"]
    if options["username"]:
        body |= {"username": options["username"], "password": secret_line(_("the source's password"))}
    return body


@in_project
@click.command(
    "import", cls=Command, help=_("Import images into a project, by reference or by a docker pull command.")
)
@click.argument("images", nargs=-1, metavar="IMAGE…")
@source_options
@click.option("--file", "-f", "files", type=click.Path(path_type=Path), multiple=True,
              help=_("A list, a compose file or Kubernetes YAML; - is standard input; repeatable."))  # fmt: skip
@click.option("--no-overwrite", is_flag=True, help=_("Fail if the tag already points to another image."))
@click.option("--no-referrers", is_flag=True, help=_("Do not copy signatures and SBOMs."))
@click.option(
    "--transport", type=click.Choice(["registry", "docker"]), help=_("How the image is transferred.")
)
@click.option("--batch-name", default="", metavar="TEXT", help=_("Name of the batch of several images."))
@click.option(
    "--wait", "-w", is_flag=True, help=_("Wait until the import ends; exit with 1 if anything fails.")
)
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help=_("Stop waiting after this time.")
)
def import_(
    images: tuple[str, ...], project: str, files: tuple[Path, ...], wait: bool, **options: Any
) -> int:
    check_source(options)
    if not images and not files:
        raise click.UsageError(_("Give an image, or a file with --file."))
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        common = body_of(api, found["id"], options)
        if options["no_overwrite"]:
            common["overwrite"] = False
        if options["no_referrers"]:
            common["include_referrers"] = False
        if options["transport"]:
            common["transport"] = options["transport"]
        wanted: list[str | Row] = [
            *images,
            *(entry for path in files for entry in _entries(api, found["id"], path)),
        ]
        if not wanted:
            raise PortalError(_("The file names no image."), "nothing")
        rows = _submit(api, found["id"], wanted, common, options)
        return wait_for(api, rows, session.out, wait=wait, timeout=options["timeout"])


def _entries(api: Api, project_id: str, path: Path) -> list[Row]:
    """The images of a file, as the portal reads them.

    :raises PortalError: the file, or one of its lines, can't be read.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise PortalError(_("Can't read %(path)s: %(reason)s") % {"path": path, "reason": exc}) from exc
    entries = api.post(f"/projects/{project_id}/images/import/batches/read", {"text": text})["entries"]
    bad = [f"{path}:{entry['line']}: {entry['error']}" for entry in entries if entry["error"]]
    if bad:
        raise PortalError("\n".join(bad), "invalid_reference")
    return [{"image_url": entry["text"], "platforms": entry["platforms"]} for entry in entries]


def _submit(
    api: Api, project_id: str, wanted: list[str | Row], common: Row, options: dict[str, Any]
) -> dict[str, Row]:
    """Ask for the imports, once however often an answer is lost; addresses and first answers."""
    where = f"/projects/{project_id}/images/import"
    key = uuid.uuid4().hex
    if len(wanted) == 1:
        first = wanted[0]
        body = {**common, **(first if isinstance(first, dict) else {"image_url": first})}
        body |= {f"target_{name}": options[name] for name in ("name", "tag") if options[name]}
        task = api.post(where, body, key=key)
        return {f"{where}/{task['id']}": task}
    if options["name"] or options["tag"]:
        raise click.UsageError(_("--name and --tag are for a single image."))
    batch = api.post(f"{where}/batches", {**common, "images": wanted, "name": options["batch_name"]}, key=key)
    return {f"{where}/batches/{batch['id']}": batch}


def _tell(rows: dict[str, Row], out: Output) -> int:
    for row in rows.values():
        if out.as_json:
            for task in row.get("tasks", [row]):
                out.line(task)
        out.say(_("%(name)s: portal watch %(id)s") % {"name": watching.name_of(row), "id": row["id"]})
    return 0


def wait_for(api: Api, rows: dict[str, Row], out: Output, *, wait: bool, timeout: float | None = None) -> int:
    """Follow imports until they end, or say how to; an exit code."""
    return _await(api, rows, out, timeout) if wait else _tell(rows, out)


def _await(api: Api, rows: dict[str, Row], out: Output, timeout: float | None) -> int:
    try:
        ended = watching.follow(api, rows, out, timeout=timeout)
    except KeyboardInterrupt:
        ids = " ".join(row["id"] for row in rows.values())
        out.warn(_("The import continues: portal watch %(ids)s, or portal cancel %(ids)s") % {"ids": ids})
        return 1
    return tell_end(api, ended, out)


def tell_end(api: Api, ended: dict[str, Row], out: Output) -> int:
    """Print how imports and batches ended; 0 if all is there."""
    for path, row in ended.items():
        if "counts" in row:
            imports = path.partition("/batches/")[0]
            for task in api.rows(imports, batch=row["id"], ordering="created_at"):
                _tell_task(task, out)
        else:
            _tell_task(row, out)
    return 0 if all(watching.succeeded(row) for row in ended.values()) else 1


def _tell_task(task: Row, out: Output) -> None:
    if out.as_json:
        out.line(task)
    elif task["status"] == "success":
        moved = max(0, task["bytes_total"] - task["bytes_reused"])
        out.say(
            _("Imported %(image)s. Digest %(digest)s, %(moved)s transferred, %(reused)s reused.")
            % {
                "image": task["target_image"],
                "digest": task["digest"],
                "moved": size(moved),
                "reused": size(task["bytes_reused"]),
            }
        )
    else:
        sentence = task["error"] or task["message"] or task["status"]
        code = task["error_code"] or task["status"]
        out.fail(PortalError(f"{task['image_url']}: {sentence} ({code})", code))
