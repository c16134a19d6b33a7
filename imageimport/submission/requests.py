"""What a person asks for, checked before anything is written: from typed fields to a row that is ready to save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from imageimport.choices import Transport
from imageimport.exceptions import FieldErrors
from imageimport.messages import parts, shown
from imageimport.models import Credential, ImportTask
from imageimport.registries import clients
from oci.errors import OciError
from oci.reference.parser import Pasted, Reference, connect_host, read_pasted, valid_tag, valid_target_name
from oci.spec.platform import Platform
from projects.models import Project

#: OCI distribution: a repository's whole name is at most this long.
MAX_REPOSITORY_CHARS = 255


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """The fields of an import as the contract names them. ``password`` is plain here and nowhere else."""

    image_url: str
    target_name: str = ""
    target_tag: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    credential: Credential | None = None
    platforms: Sequence[str] = ()
    overwrite: bool = True
    transport: str = ""
    include_referrers: bool = True


@dataclass(frozen=True, slots=True)
class ValidatedImport:
    """A request that holds: the source as understood and an unsaved row."""

    source: Reference
    task: ImportTask
    #: What was understood and stripped from the pasted text, as shown sentences.
    notes: tuple[str, ...] = ()


def prepare(*, project: Project, user: User | None, request: ImportRequest) -> ValidatedImport:
    """Check a request and make its row, without saving and without asking any registry.

    :raises FieldErrors: with every field that is wrong.
    """
    errors: dict[str, list[str]] = {}
    pasted = _understand(request.image_url, errors)
    if pasted is None:
        raise FieldErrors(errors)
    source = pasted.reference
    name = request.target_name.strip() or source.default_target_name
    tag = request.target_tag.strip() or source.default_target_tag
    transport = request.transport or settings.IMPORT_TRANSPORT
    platforms = _platforms(request.platforms or pasted.platforms, errors)
    _check_address(source, errors)
    _check_target(project, name, tag, errors)
    _check_credentials(project, source, request, errors)
    _check_transport(transport, platforms, errors)
    if errors:
        raise FieldErrors(errors)
    task = ImportTask(
        project=project,
        requested_by=user,
        image_url=pasted.kept,
        source_image=str(source),
        source_registry=source.registry.lower(),
        target_name=name,
        target_tag=tag,
        target_image=target_image(project, name, tag),
        platforms=platforms,
        overwrite=request.overwrite,
        include_referrers=request.include_referrers,
        transport=transport,
        username=request.username,
        password=request.password,
        credential=request.credential,
        credential_required=request.credential is not None,
    )
    return ValidatedImport(
        source, task, tuple(shown("", parts(template, params)) for template, params in pasted.notes)
    )


def target_image(project: Project, name: str, tag: str) -> str:
    """The full name under which people pull it."""
    return f"{settings.REGISTRY_PUBLIC_HOST}/{project.name}/{name}:{tag}"


def _understand(text: str, errors: dict[str, list[str]]) -> Pasted | None:
    try:
        pasted = read_pasted(text)
    except OciError as exc:
        errors["image_url"] = [shown("", parts(exc.template, exc.params))]
        return None
    # The longest that the grammar allows is longer than a row keeps; PostgreSQL would refuse it.
    limits = {pasted.kept: _longest("image_url"), str(pasted.reference): _longest("source_image")}
    for kept, limit in limits.items():
        if len(kept) > limit:
            errors["image_url"] = [
                _("An image reference has at most %(limit)d characters.") % {"limit": limit}
            ]
            return None
    return pasted


def _longest(column: str) -> int:
    """Characters that a task's column takes."""
    field: Any = ImportTask._meta.get_field(column)
    return int(field.max_length)


def _check_address(source: Reference, errors: dict[str, list[str]]) -> None:
    try:
        clients.check_literal_source(source)
    except OciError as exc:
        errors["image_url"] = [shown("", parts(exc.template, exc.params))]


def _check_target(project: Project, name: str, tag: str, errors: dict[str, list[str]]) -> None:
    if not valid_target_name(name):
        errors["target_name"] = [
            _(
                "Use lower-case letters and digits, joined by single dots, underscores or dashes; parts by slashes."
            )
        ]
    elif len(f"{project.name}/{name}") > MAX_REPOSITORY_CHARS:
        errors["target_name"] = [
            _("Project and name together have at most %(limit)d characters.")
            % {"limit": MAX_REPOSITORY_CHARS}
        ]
    if not valid_tag(tag):
        errors["target_tag"] = [
            _(
                "A tag has letters, digits, dots, underscores and dashes, begins with none of the last two, "
                "and is at most 128 long."
            )
        ]


def _check_credentials(
    project: Project, source: Reference, request: ImportRequest, errors: dict[str, list[str]]
) -> None:
    if request.credential is not None:
        if request.username or request.password:
            errors["credential"] = [_("Give either a saved credential or a username and password.")]
        elif request.credential.project_id != project.pk:
            errors["credential"] = [_("There is no such credential in this project.")]
        elif connect_host(request.credential.registry) != source.host:
            errors["credential"] = [
                _("This credential is for %(registry)s only.") % {"registry": request.credential.registry}
            ]
    elif request.username and not request.password:
        errors["password"] = [_("Give the password too.")]
    elif request.password and not request.username:
        errors["username"] = [_("Give the username too.")]
    elif ":" in request.username or not (request.username + request.password).isprintable():
        errors["username"] = [_("A username has no colon, and neither field has control characters.")]


def _platforms(texts: Sequence[str], errors: dict[str, list[str]]) -> list[str]:
    found: list[str] = []
    for text in texts:
        try:
            platform = str(Platform.parse(text))
        except (OciError, ValueError):
            errors["platforms"] = [
                _("%(platform)s is no platform; they look like linux/amd64.") % {"platform": text}
            ]
            continue
        if platform not in found:
            found.append(platform)
    return found


def _check_transport(transport: str, platforms: Sequence[Any], errors: dict[str, list[str]]) -> None:
    if transport not in Transport.values:
        errors["transport"] = [_("Choose registry or docker.")]
    elif transport == Transport.DOCKER:
        if not settings.IMPORT_DOCKER_ENABLED:
            errors["transport"] = [_("The operator has not enabled the docker transport.")]
        elif len(platforms) > 1:
            errors["platforms"] = [_("The docker transport takes one platform.")]
