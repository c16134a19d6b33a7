"""What a person can change about an import that ended badly: what the form is filled with, where the cursor goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from imageimport.choices import Status
from imageimport.credentials import services as credentials
from imageimport.models import ImportTask
from imageimport.submission.requests import default_target_name
from oci.errors import OciError
from oci.reference.parser import Reference, parse_reference

#: The source wants other credentials, or any at all.
REFUSED: Final = frozenset({"unauthorized", "forbidden"})
#: With another account it may go well: of a limit of requests each account has its own.
ACCOUNT_HELPS: Final = REFUSED | {"rate_limited", "credential_unreadable"}
#: Another target tag is what helps.
_TARGET_HELPS: Final = frozenset({"tag_exists", "tag_protected"})


@dataclass(frozen=True, slots=True)
class Repair:
    """An ended import as the form's first values; no secret of it is among them."""

    task: ImportTask
    initial: dict[str, Any]
    #: What has to change: ``credentials``, ``target_tag``, or the reference, where it is empty.
    changes: str
    #: The tag of the reference is what has to change; empty where it is something else.
    tag: str
    #: It had a username and password for once, which are not filled in.
    lost_secret: bool
    #: The saved credential was chosen by the form, as the registry's only one.
    chose: bool


def repair_of(task: ImportTask, *, focus: str = "", tag: str = "") -> Repair:
    """The form's first values for another try of ``task``.

    :param focus: ``tag`` to put the cursor into the reference's tag, whatever the import failed of.
    :param tag: another tag in place of the reference's; the cursor is there, too.
    """
    source = _source_of(task)
    wants_tag = source is not None and (focus == "tag" or bool(tag))
    text = _with_tag(task, source, tag) if wants_tag and source else _text_of(task)
    credential = task.credential_id
    chosen = None
    if credential is None and source is not None:
        chosen = credentials.only_one_for(project=task.project, host=source.host)
    initial = {
        "mode": "one",
        "image_url": text,
        **_targets_of(task, source),
        "credential": credential or (chosen.pk if chosen else None),
        "platforms": task.platforms,
        "overwrite": task.overwrite,
        "include_referrers": task.include_referrers,
        "transport": task.transport,
        "again": task.pk,
    }
    return Repair(
        task=task,
        initial=initial,
        changes="" if wants_tag else _changes(task),
        tag=text.rpartition(":")[2] if wants_tag else "",
        lost_secret=task.credentials_erased or (task.has_credentials and credential is None),
        chose=chosen is not None,
    )


def _changes(task: ImportTask) -> str:
    if task.error_code in ACCOUNT_HELPS:
        return "credentials"
    return "target_tag" if task.error_code in _TARGET_HELPS else ""


def refused_without_credentials(task: ImportTask) -> bool:
    """The source refused an import that had none: the same again would fail again."""
    had = task.has_credentials or task.credentials_erased or task.credential_required
    return task.status == Status.FAILED and task.error_code in REFUSED and not had


def _source_of(task: ImportTask) -> Reference | None:
    """None for a row that was not made by the services."""
    try:
        return parse_reference(task.source_image or task.image_url)
    except OciError:
        return None


def _text_of(task: ImportTask) -> str:
    """As it was typed; of a pasted command only the reference, since its options are fields of the form by now."""
    return task.source_image if " " in task.image_url.strip() and task.source_image else task.image_url


def _with_tag(task: ImportTask, source: Reference, other: str) -> str:
    """The reference so that it ends with a tag, which is then what is selected."""
    tag = source.default_target_tag
    typed = _text_of(task)
    if typed.endswith(f":{tag}") and "//" not in typed:
        return typed.removesuffix(tag) + (other or tag)
    return f"{source.name}:{other or tag}"


def _targets_of(task: ImportTask, source: Reference | None) -> dict[str, str]:
    """Name and tag, where they are not the reference's own: those follow it when it changes."""
    targets = {"target_name": task.target_name, "target_tag": task.target_tag}
    if source is not None:
        if task.target_name == default_target_name(task.project, source):
            targets["target_name"] = ""
        if task.target_tag == source.default_target_tag:
            targets["target_tag"] = ""
    return targets
