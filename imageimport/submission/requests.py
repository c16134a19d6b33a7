"""What a person asks for, checked before anything is written: from typed fields to a row that is ready to save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors, filled, sentence_of
from imageimport.choices import TRANSPORTS_ASKED_FOR, Transport
from imageimport.models import Credential, ImportTask
from imageimport.registries import clients
from oci.errors import OciError
from oci.layout import url as bundle_url
from oci.reference.parser import Pasted, Reference, connect_host, read_pasted, valid_repository, valid_tag
from projects.defaults.platforms import cleaned
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
    #: None: those of the project; empty: all.
    platforms: Sequence[str] | None = None
    #: They were the project's when they were written down: they choose only among those that an image names.
    platforms_by_default: bool = False
    overwrite: bool = True
    transport: str = ""
    include_referrers: bool = True
    #: Ids of uploaded files; ``image_url`` is then ``bundle:<file name>#<name>:<tag>`` (:mod:`oci.layout.url`).
    uploads: Sequence[str] = ()
    #: Of an uploaded file: the source that it names for the image, by which rules judge it; empty where it names none.
    named_source: str = ""


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
    pasted = _understand(request, errors)
    if pasted is None:
        raise FieldErrors(errors)
    source = pasted.reference
    name = request.target_name.strip() or default_target_name(project, source)
    tag = request.target_tag.strip() or source.default_target_tag
    transport = Transport.BUNDLE if request.uploads else request.transport or _default_transport(source)
    platforms = _platforms(_wanted(project, request, pasted), errors)
    _check_address(source, errors)
    _check_target(project, name, tag, errors)
    _check_credentials(project, source, request, errors)
    if not request.uploads:
        _check_transport(transport, source, platforms, errors)
    if errors:
        raise FieldErrors(errors)
    task = ImportTask(
        project=project,
        requested_by=user,
        image_url=pasted.kept,
        source_image=(request.named_source or pasted.kept) if request.uploads else str(source),
        source_registry=source.registry.lower(),
        target_name=name,
        target_tag=tag,
        target_image=target_image(project, name, tag),
        platforms=platforms,
        platforms_by_default=bool(platforms) and _is_default(request, pasted),
        overwrite=request.overwrite,
        include_referrers=request.include_referrers,
        transport=transport,
        uploads=list(request.uploads),
        username=request.username,
        password=request.password,
        credential=request.credential,
        credential_required=request.credential is not None,
    )
    return ValidatedImport(source, task, tuple(filled(template, params) for template, params in pasted.notes))


def default_target_name(project: Project, source: Reference) -> str:
    """The name inside the project where none is given."""
    return source.full_target_name if project.naming == Project.Naming.FULL else source.default_target_name


def target_image(project: Project, name: str, tag: str) -> str:
    """The full name under which people pull it."""
    return f"{settings.REGISTRY_PUBLIC_HOST}/{project.name}/{name}:{tag}"


def _understand(request: ImportRequest, errors: dict[str, list[str]]) -> Pasted | None:
    text = request.image_url
    try:
        pasted = Pasted(bundle_url.parse(text), text) if request.uploads else read_pasted(text)
    except OciError as exc:
        errors["image_url"] = [sentence_of(exc)]
        return None
    # The longest that the grammar allows is longer than a row keeps; PostgreSQL would refuse it.
    limits = {pasted.kept: _longest("image_url"), str(pasted.reference): _longest("source_image")}
    for kept, limit in limits.items():
        if len(kept) > limit:
            errors["image_url"] = [
                _("An image reference can have at most %(limit)d characters.") % {"limit": limit}
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
        errors["image_url"] = [sentence_of(exc)]


def _check_target(project: Project, name: str, tag: str, errors: dict[str, list[str]]) -> None:
    if not valid_repository(name):
        errors["target_name"] = [
            _(
                "Use lowercase letters and digits, joined by single dots, underscores or hyphens. Separate the "
                "parts of the name with slashes."
            )
        ]
    elif len(f"{project.name}/{name}") > MAX_REPOSITORY_CHARS:
        errors["target_name"] = [
            _("The project and image name together can have at most %(limit)d characters.")
            % {"limit": MAX_REPOSITORY_CHARS}
        ]
    if not valid_tag(tag):
        errors["target_tag"] = [
            _(
                "A tag can have at most 128 letters, digits, dots, underscores and hyphens, and can't begin with "
                "a dot or a hyphen."
            )
        ]


def _check_credentials(
    project: Project, source: Reference, request: ImportRequest, errors: dict[str, list[str]]
) -> None:
    if request.credential is not None:
        if request.username or request.password:
            errors["credential"] = [_("Use either a saved credential or a username and password, not both.")]
        elif request.credential.project_id != project.pk:
            errors["credential"] = [_("This project has no such credential.")]
        elif connect_host(request.credential.registry) != source.host:
            errors["credential"] = [
                _("This credential is for %(registry)s only.") % {"registry": request.credential.registry}
            ]
    elif request.username and not request.password:
        errors["password"] = [_("Enter the password as well.")]
    elif request.password and not request.username:
        errors["username"] = [_("Enter the username as well.")]
    elif ":" in request.username or not (request.username + request.password).isprintable():
        errors["username"] = [
            _("The username can't contain a colon, and neither field can contain control characters.")
        ]


def _wanted(project: Project, request: ImportRequest, pasted: Pasted) -> Sequence[str]:
    """What is asked for, else what the text names, else the project's default: of a file everything is taken."""
    if request.platforms or pasted.platforms:
        return request.platforms or pasted.platforms
    return project.platforms if request.platforms is None and not request.uploads else ()


def _is_default(request: ImportRequest, pasted: Pasted) -> bool:
    """Whether no one asked for the platforms of this import: an artifact that has none can come."""
    return request.platforms_by_default or (request.platforms is None and not pasted.platforms)


def _platforms(texts: Sequence[str], errors: dict[str, list[str]]) -> list[str]:
    try:
        return cleaned(texts)
    except FieldErrors as exc:
        errors |= exc.errors
        return []


def _default_transport(source: Reference) -> str:
    """Docker Engine knows no charts."""
    return Transport.REGISTRY if source.is_chart else settings.IMPORT_TRANSPORT


def _check_transport(
    transport: str, source: Reference, platforms: Sequence[Any], errors: dict[str, list[str]]
) -> None:
    if transport not in TRANSPORTS_ASKED_FOR:
        errors["transport"] = [_("Choose registry or docker.")]
    elif transport == Transport.DOCKER and source.is_chart:
        errors["transport"] = [_("The docker transport imports no charts. Choose registry.")]
    elif transport == Transport.DOCKER:
        if not settings.IMPORT_DOCKER_ENABLED:
            errors["transport"] = [
                _(
                    "The docker transport is not enabled. Choose registry, or ask the "
                    "administrator to enable it."
                )
            ]
        elif len(platforms) > 1:
            errors["platforms"] = [_("The docker transport imports exactly one platform. Choose one.")]
