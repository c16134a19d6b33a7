"""The entries of a batch: checked as a whole, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from imageimport.submission.requests import ImportRequest, ValidatedImport, prepare
from oci.errors import OciError
from oci.reference.parser import connect_host, read_pasted
from projects.models import Project

#: A batch whose entries have nothing in common.
NOTHING: Final = ImportRequest(image_url="")


class BatchErrors(FieldErrors):
    """What is wrong with which entry; as a field's errors, each sentence names its line."""

    def __init__(self, by_index: Mapping[int, Sequence[str]], lines: Sequence[int] = ()) -> None:
        self.by_index = {index: list(found) for index, found in sorted(by_index.items())}
        numbered = [
            _("Line %(line)d: %(sentence)s")
            % {"line": lines[index] if lines else index + 1, "sentence": sentence}
            for index, found in self.by_index.items()
            for sentence in found
        ]
        super().__init__({"images": numbered})

    def by_target(self, entries: Sequence[ImportRequest]) -> list[str]:
        """Each sentence behind its entry's target, where no one wrote the entries as lines of a list."""
        return [
            f"{entries[index].target_name}:{entries[index].target_tag}: {sentence}"
            for index, sentences in self.by_index.items()
            for sentence in sentences
        ]

    def for_programs(self) -> Mapping[str, Any]:
        """What the API answers: under ``images`` the sentences of each bad entry, by its index from 0, as a string."""
        return {"images": {str(index): found for index, found in self.by_index.items()}}


def prepare_all(
    project: Project,
    user: User | None,
    entries: Sequence[ImportRequest],
    common: ImportRequest,
    bad: Mapping[int, Sequence[str]],
) -> dict[int, ValidatedImport]:
    """Rows by the entries' indexes, without those that say the same again.

    :param bad: entries that are known to be wrong already.
    :raises BatchErrors:
    """
    errors = {index: list(found) for index, found in bad.items()}
    prepared: dict[int, ValidatedImport] = {}
    first: dict[tuple[str, str], int] = {}
    _check_common(entries, common)
    for index, entry in enumerate(entries):
        if index in bad:
            continue
        try:
            found = prepare(project=project, user=user, request=_filled(entry, common))
        except FieldErrors as exc:
            errors[index] = [sentence for sentences in exc.errors.values() for sentence in sentences]
            continue
        task = found.task
        before = first.setdefault((task.target_name, task.target_tag), index)
        if before == index:
            prepared[index] = found
        elif (task.source_image, task.platforms) != (
            prepared[before].task.source_image,
            prepared[before].task.platforms,
        ):
            errors[index] = [
                _("Same target as entry %(index)d: %(target)s")
                % {"index": before + 1, "target": task.target_image}
            ]
    if errors:
        raise BatchErrors(errors)
    return prepared


def _filled(entry: ImportRequest, common: ImportRequest) -> ImportRequest:
    """The entry with what holds for all, where it says nothing itself."""
    changes: dict[str, Any] = {}
    host, platforms = _understood(entry)
    if entry.platforms is None and not platforms and common.platforms is not None:
        changes["platforms"] = common.platforms
    if entry.credential is None and not entry.username and not entry.password:
        if common.credential is not None and host == connect_host(common.credential.registry):
            changes["credential"] = common.credential
        elif common.username or common.password:
            changes |= {"username": common.username, "password": common.password}
    if common is not NOTHING:
        changes |= {
            "overwrite": entry.overwrite and common.overwrite,
            "include_referrers": entry.include_referrers and common.include_referrers,
            "transport": entry.transport or common.transport,
        }
    return replace(entry, **changes)


def _understood(entry: ImportRequest) -> tuple[str, tuple[str, ...]]:
    """Host and platforms that the text names; nothing where it can't be read, which :func:`prepare` will say."""
    try:
        pasted = read_pasted(entry.image_url)
    except OciError:
        return "", ()
    return pasted.reference.host, pasted.platforms


def _check_common(entries: Sequence[ImportRequest], common: ImportRequest) -> None:
    """Check that credentials for all entries belong to the registry of each.

    :raises FieldErrors: credentials for all would go to a registry that they are not for.
    """
    if common.credential is None and not common.password:
        return
    bare = [entry for entry in entries if entry.credential is None and not entry.username]
    hosts = {host for host, _platforms in map(_understood, bare) if host}
    if common.credential is not None and connect_host(common.credential.registry) not in hosts:
        raise FieldErrors(
            {
                "credential": [
                    _("This credential is for %(registry)s only.") % {"registry": common.credential.registry}
                ]
            }
        )
    if common.password and len(hosts) > 1:
        raise FieldErrors(
            {
                "password": [
                    _(
                        "The images come from several registries. Use saved credentials, or enter credentials for"
                        " each image."
                    )
                ]
            }
        )
