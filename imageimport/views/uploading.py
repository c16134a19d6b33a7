"""Importing files: uploading them, seeing what is in them, choosing, starting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.exceptions import Refusal
from imageimport.batches import from_bundle
from imageimport.bundles import uploads
from imageimport.models import BundleUpload
from oci.limits import ARCHIVE_VOLUMES
from oci.reference.parser import valid_repository
from projects import places
from projects.models import Project, Role
from projects.views.answers import refusals_at, render_project
from projects.views.decorators import current_user, project_view

#: Of one piece: what the web server collects before a thread gets it (``registry_portal.web.collecting``).
PIECE_BYTES: Final = 2 * 1024 * 1024


@csrf_exempt
@require_http_methods(["GET", "POST"])
@project_view(Role.DEVELOPER)
def files(request: HttpRequest, project: Project) -> HttpResponse:
    """Files that are here, and where more are uploaded. Scripts send them in pieces; a form without scripts, whole."""
    if request.method == "GET":
        return _page(request, project, 200)
    # Before anything asks for the form, which begins to read it: so the check for forgery comes inside.
    handler = _IntoUploads(request, project)
    request.upload_handlers = [handler]
    try:
        return _take_form(request, project, handler)
    finally:
        handler.give_up()


@csrf_protect
def _take_form(request: HttpRequest, project: Project, handler: _IntoUploads) -> HttpResponse:
    given = request.FILES.getlist("files")
    ids = [each.upload_id for each in given if isinstance(each, _Kept)]
    handler.settle()
    if handler.problem or not ids:
        return _page(request, project, 422, error=handler.problem or _("Choose a file."))
    return redirect(_plan_address(project, ids))


@require_GET
@project_view(Role.DEVELOPER)
def plan(request: HttpRequest, project: Project) -> HttpResponse:
    """What is in the files that the address names, and what of it is here."""
    ids = _ids(request.GET.getlist("upload"))
    return _plan_page(request, project, ids, 200) if ids else redirect("import-files", project.name)


@require_POST
@project_view(Role.DEVELOPER)
def start(request: HttpRequest, project: Project) -> HttpResponse:
    """Import the images that were chosen."""
    ids = _ids(request.POST.getlist("upload"))
    if not ids:
        return redirect("import-files", project.name)
    prefix = request.POST.get("target_prefix", "").strip().strip("/")
    chosen = request.POST.getlist("image")
    error = ""
    if not chosen:
        error = _("Choose at least one image.")
    elif prefix and not valid_repository(prefix):
        error = _(
            "Use lowercase letters and digits, joined by single dots, underscores or hyphens. Separate the "
            "parts of the name with slashes."
        )
    else:
        with Refusal() as refusal, places.asking_ours():
            batch = from_bundle.create(
                project=project,
                user=current_user(request),
                upload_ids=ids,
                images=chosen,
                target_prefix=prefix,
                overwrite="overwrite" in request.POST,
            )
        if not refusal:
            count = batch.tasks.count()
            sentence = ngettext("%(count)d import has started.", "%(count)d imports have started.", count)
            messages.success(request, sentence % {"count": count})
            return redirect("batch", project.name, batch.pk)
        error = refusal.detail
    return _plan_page(request, project, ids, 422, error=error, chosen=chosen, prefix=prefix)


@require_POST
@project_view(Role.DEVELOPER)
@refusals_at("import-files", given=())
def delete(request: HttpRequest, project: Project, upload_id: UUID) -> HttpResponse:
    """Give an uploaded file up."""
    upload = get_object_or_404(BundleUpload, project=project, pk=upload_id)
    uploads.delete(upload=upload)
    return redirect("import-files", project.name)


def _page(request: HttpRequest, project: Project, status: int, *, error: str = "") -> HttpResponse:
    rows = BundleUpload.objects.filter(project=project).select_related("requested_by")
    context = {"uploads": list(rows), "error": error, "piece_bytes": PIECE_BYTES}
    response = render_project(request, project, "imageimport/import_files.html", context)
    response.status_code = status
    return response


def _plan_page(
    request: HttpRequest, project: Project, ids: Sequence[UUID], status: int, **shown: Any
) -> HttpResponse:
    context: dict[str, Any] = {
        "ids": ids,
        "overwrite": request.method == "GET" or "overwrite" in request.POST,
    }
    with Refusal() as refusal, places.asking_ours():
        found = from_bundle.plan(project=project, upload_ids=ids, target_prefix=str(shown.get("prefix", "")))
    if refusal:
        context["problem"], status = refusal.detail, 422
    else:
        chosen = shown.get("chosen")
        context["plan"] = found
        context["rows"] = [
            (each, each.content.image in chosen if chosen else not each.missing and each.state != "here")
            for each in found.images
        ]
    response = render_project(request, project, "imageimport/import_files_plan.html", {**context, **shown})
    response.status_code = status
    return response


def _plan_address(project: Project, ids: Sequence[UUID]) -> str:
    query = urlencode([("upload", str(each)) for each in ids])
    return f"{reverse('import-files-plan', args=[project.name])}?{query}"


def _ids(texts: Sequence[str]) -> list[UUID]:
    try:
        return [UUID(text) for text in texts[:ARCHIVE_VOLUMES]]
    except ValueError:
        raise Http404 from None


class _Kept(UploadedFile):
    """What a form's file has become."""

    def __init__(self, upload: BundleUpload) -> None:
        super().__init__(None, upload.file_name, "application/x-tar", upload.length)
        self.upload_id: UUID = upload.pk

    def close(self) -> None:
        """Its bytes are where uploads lie; nothing is open."""


class _IntoUploads(FileUploadHandler):
    """Writes a form's files where uploads lie, once."""

    chunk_size = PIECE_BYTES

    def __init__(self, request: HttpRequest, project: Project) -> None:
        super().__init__(request)
        self._of = request
        self._project = project
        #: Bytes of the body that no file has had yet.
        self._left = 0
        #: Why a file was not taken, as a sentence.
        self.problem = ""
        self._upload: BundleUpload | None = None
        self._finished: list[BundleUpload] = []

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *more: Any) -> None:  # noqa: N803
        """A part does not say how long it is; it is shorter than what is left of the body."""
        self._left = content_length

    def new_file(self, field_name: str, file_name: str, *more: Any, **named: Any) -> None:
        super().new_file(field_name, file_name, *more, **named)
        with Refusal() as refusal:
            self._upload = uploads.create(
                project=self._project, user=current_user(self._of), length=self._left, file_name=file_name
            )
        if refusal:
            self.problem = refusal.detail
            raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self._upload is not None
        stream = _Bytes(raw_data)
        with Refusal() as refusal:
            uploads.receive(upload=self._upload, offset=start, stream=stream, length=len(raw_data))
        if refusal:
            self.problem = refusal.detail
            raise StopUpload(connection_reset=True)

    def file_complete(self, file_size: int) -> _Kept | None:
        upload, self._upload = self._upload, None
        assert upload is not None
        self._left -= file_size
        if not uploads.finish(upload=upload):
            return None
        self._finished.append(upload)
        return _Kept(upload)

    def settle(self) -> None:
        """The form is one of ours: what has come whole stays."""
        self._finished.clear()
        self.give_up()

    def give_up(self) -> None:
        """Delete what has not come whole, and all of a form that broke off or is not ours."""
        unfinished = [self._upload] if self._upload is not None else []
        for upload in [*unfinished, *self._finished]:
            uploads.delete(upload=upload)
        self._upload = None
        self._finished.clear()


class _Bytes:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int, /) -> bytes:
        piece, self._content = self._content[:size], self._content[size:]
        return piece
