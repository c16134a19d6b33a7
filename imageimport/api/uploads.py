"""``/projects/{project_id}/uploads``: files of images by tus 1.0.0 (https://tus.io/protocols/resumable-upload), with
creation, termination, expiration and checksums by SHA-256.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import IO, Any, ClassVar, Final, cast

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import viewsets
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.schema import refused
from accounts.exceptions import ApplicationError, FieldErrors
from accounts.models import ApiToken
from imageimport.bundles import uploads
from imageimport.models import BundleUpload
from projects.api.mixins import ProjectScoped
from projects.models import Role

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,termination,expiration,checksum"
_PIECE: Final = "application/offset+octet-stream"
_NUMBER_CHARS: Final = 19


class OctetStream(BaseParser):
    """A piece of a file: the stream as it comes, which is never held in memory whole."""

    media_type = _PIECE

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return stream


def _header(name: str, description: str, *, required: bool = True) -> OpenApiParameter:
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.HEADER, required=required, description=description
    )


_TUS = _header("Tus-Resumable", "`1.0.0`")
_NOTHING = OpenApiResponse(description="No body; see the headers.")


@extend_schema(tags=["bundles"])
class UploadViewSet(ProjectScoped, viewsets.GenericViewSet[BundleUpload]):
    """Uploads of files with images. A file that was not used for a day is deleted."""

    queryset = BundleUpload.objects.none()
    parser_classes = (OctetStream,)
    pagination_class = None
    filter_backends = ()
    lookup_url_kwarg = "upload_id"
    token_scope = ApiToken.Scope.IMPORT
    role_to_read = Role.DEVELOPER
    role_to_write = Role.DEVELOPER
    #: What every answer says.
    tus: ClassVar = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}

    def get_queryset(self) -> QuerySet[BundleUpload]:
        return (
            BundleUpload.objects.none()
            if self.is_schema
            else BundleUpload.objects.filter(project=self.project)
        )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        found = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.tus.items():
            found.headers[name] = value
        if found.status_code == 412 or request.method == "OPTIONS":
            found.headers["Tus-Version"] = VERSION
        return found

    @extend_schema(exclude=True)
    def discover(self, request: Request, **_: Any) -> Response:
        """What is understood here."""
        headers = {
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(uploads.MAX_BYTES),
            "Tus-Checksum-Algorithm": "sha256",
        }
        return Response(status=204, headers=headers)

    @extend_schema(
        summary="Start an upload",
        parameters=[
            _TUS,
            _header("Upload-Length", "Bytes of the whole file."),
            _header("Upload-Metadata", "`filename` and its Base64.", required=False),
        ],
        request=None,
        responses={
            201: OpenApiResponse(description="`Location` is where the file's pieces are sent."),
            409: refused("`quota_exceeded`, `too_many_uploads`."),
            412: refused("`tus_version`."),
            507: refused("`no_space`."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        self._check_version(request)
        made = uploads.create(
            project=self.project,
            user=self.user,
            length=_number(request, "Upload-Length"),
            file_name=_file_name(request.headers.get("Upload-Metadata", "")),
        )
        where = reverse(
            "api-upload-detail", kwargs={"project_id": self.project.pk, "upload_id": made.pk}, request=request
        )
        return Response(status=201, headers={"Location": where, **_state(made)})

    @extend_schema(
        summary="Get how much of a file has arrived",
        parameters=[_TUS],
        responses={200: _NOTHING, 410: refused("`upload_expired`.")},
    )
    def status(self, request: Request, **_: Any) -> Response:
        self._check_version(request)
        upload = self._upload()
        name = base64.b64encode(upload.file_name.encode()).decode()
        headers = {
            "Upload-Length": str(upload.length),
            "Upload-Metadata": f"filename {name}",
            **_state(upload),
        }
        return Response(status=200, headers=headers)

    @extend_schema(
        summary="Send the next piece of a file",
        parameters=[
            _TUS,
            _header("Upload-Offset", "Where the piece begins: what has come so far."),
            _header("Upload-Checksum", "`sha256` and the Base64 of the piece's checksum.", required=False),
        ],
        request={_PIECE: OpenApiTypes.BINARY},
        responses={
            204: _NOTHING,
            409: refused("`upload_offset`: another piece is next."),
            410: refused("`upload_expired`."),
            411: refused("`length_required`."),
            412: refused("`tus_version`."),
            423: refused("`upload_busy`: another request sends this file."),
            460: refused("`checksum_mismatch`: nothing of the piece was kept."),
            507: refused("`no_space`."),
        },
    )
    def receive(self, request: Request, **_: Any) -> Response:
        self._check_version(request)
        upload = self._upload()
        offset = _number(request, "Upload-Offset")
        if request.headers.get("Transfer-Encoding"):
            # Django reads no body that comes in chunks.
            raise ApplicationError(
                "length_required", gettext_noop("Send the header Content-Length with the size of the piece.")
            )
        uploads.receive(
            upload=upload,
            offset=offset,
            stream=cast(uploads.Stream, request.data),
            # Without it there is no body (RFC 9112, 6.3).
            length=_number(request, "Content-Length") if request.headers.get("Content-Length") else 0,
            checksum=_checksum(request.headers.get("Upload-Checksum", "")),
        )
        return Response(status=204, headers=_state(upload))

    @extend_schema(
        summary="Delete an upload",
        parameters=[_TUS],
        request=None,
        responses={
            204: None,
            409: refused("`upload_in_use`: imports read it."),
            412: refused("`tus_version`."),
        },
    )
    def destroy(self, request: Request, **_: Any) -> Response:
        self._check_version(request)
        uploads.delete(upload=self.get_object())
        return Response(status=204)

    def _upload(self) -> BundleUpload:
        upload = self.get_object()
        if upload.expires_at < timezone.now():
            raise ApplicationError(
                "upload_expired", gettext_noop("The uploaded file is no longer here. Upload it again.")
            )
        return upload

    def _check_version(self, request: Request) -> None:
        if request.headers.get("Tus-Resumable") != VERSION:
            raise ApplicationError("tus_version", gettext_noop("Send the header Tus-Resumable: 1.0.0."))


def _state(upload: BundleUpload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.offset),
        "Upload-Expires": http_date(upload.expires_at.timestamp()),
    }


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > _NUMBER_CHARS:
        raise FieldErrors({name: [_("Send the header %(name)s with a number of bytes.") % {"name": name}]})
    return int(text)


def _file_name(metadata: str) -> str:
    """The file's name in ``Upload-Metadata``: keys, each with a space and its value in Base64."""
    for pair in metadata.split(","):
        key, _space, value = pair.strip().partition(" ")
        if key == "filename":
            try:
                return base64.b64decode(value, validate=True).decode("utf-8")
            except (binascii.Error, ValueError):
                raise FieldErrors({"Upload-Metadata": [_("The file name is not valid.")]}) from None
    return ""


def _checksum(text: str) -> bytes | None:
    if not text:
        return None
    algorithm, _space, value = text.partition(" ")
    try:
        found = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if algorithm != "sha256" or len(found) != 32:
        raise FieldErrors({"Upload-Checksum": [_("Send the checksum as sha256 and its Base64.")]})
    return found
