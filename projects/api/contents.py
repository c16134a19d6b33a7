"""What is inside an image: ``…/images/{image_id}/contents``, ``…/compare``, ``…/sboms``."""

from __future__ import annotations

from typing import Any, Final, cast

from django.http import FileResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import ListPages, RunningPages
from accounts.api.schema import refused
from projects.api.contents_serializers import (
    ComparisonSerializer,
    ContentsSerializer,
    FileChangeSerializer,
    FileChangesSerializer,
    FileSerializer,
    FilesSerializer,
    IndexingSerializer,
    PackageSerializer,
    SbomPackagesSerializer,
    SbomSerializer,
)
from projects.api.mixins import ProjectScoped
from projects.contents import comparing, comparing_files, downloads, listing, sboms
from projects.contents.files import Indexing
from projects.contents.reading import opened_place, read_image

PLATFORM: Final = OpenApiParameter(
    "platform", str, description="As `linux/arm64`; linux/amd64 by default, else the first."
)
OTHER: Final = OpenApiParameter(
    "with", str, required=True, description="An image's id, or a digest of the project."
)
#: Lists of images are CSV as well; what is inside one is not.
JSON_ONLY: Final = (JSONRenderer, BrowsableAPIRenderer)
PAGES: Final = [
    OpenApiParameter("cursor", str, description="Where the page begins: taken from `next` and `previous`."),
    OpenApiParameter("page_size", {"type": "integer", "minimum": 1}, description="Rows a page; at most 200."),
]
AWAY: Final = {
    409: refused("`no_platform`: the image is not available for it."),
    502: refused("The image can't be read."),
    503: refused("The registry is away, or you read too much at once; see Retry-After."),
}


class ImageContents(ProjectScoped):
    """Mixed into the images' viewset."""

    @extend_schema(
        summary="Get configuration, history and layers",
        parameters=[PLATFORM],
        responses={200: ContentsSerializer, **AWAY},
    )
    @action(detail=True, pagination_class=None, filter_backends=(), renderer_classes=JSON_ONLY)
    def contents(self, request: Request, **_: Any) -> Response:
        """What the image of one platform says about itself. Each line of the history names the layer that it made."""
        with opened_place(image := self.get_object(), self.user) as place:
            found = read_image(place, image.digest, _platform(request))
        return Response(ContentsSerializer(found).data)

    @extend_schema(
        summary="Compare with another image",
        parameters=[OTHER, PLATFORM],
        responses={200: ComparisonSerializer, **AWAY},
    )
    @action(detail=True, pagination_class=None, filter_backends=(), renderer_classes=JSON_ONLY)
    def compare(self, request: Request, **_: Any) -> Response:
        """`before` is the other image, `after` this one. Packages are those of attached SBOMs."""
        found = comparing.compare(self.get_object(), self.user, _other(request), _platform(request))
        return Response(ComparisonSerializer(found).data)

    @extend_schema(
        summary="Compare the files with those of another image",
        parameters=[OTHER, PLATFORM, *PAGES],
        responses={
            200: FileChangesSerializer,
            202: IndexingSerializer,
            **AWAY,
            422: refused("`files_unreadable`: a layer can't be read."),
        },
    )
    @action(
        detail=True,
        url_path="compare/files",
        pagination_class=RunningPages,
        filter_backends=(),
        renderer_classes=JSON_ONLY,
    )
    def compare_files(self, request: Request, **_: Any) -> Response:
        """The files that differ between images that tags name. Files of the same size and time count as the same. 202
        until a worker has read the layers of both.
        """
        pages = cast(RunningPages, self.paginator)
        start, size = pages.span(request)
        found = comparing_files.changed_files(
            self.get_object(), self.user, _other(request), platform=_platform(request), part=(start, size)
        )
        if isinstance(found, Indexing):
            return _indexing(found)
        pages.take(start, size, more=found.more)
        return Response(
            {
                "next": pages.next_link,
                "previous": pages.previous_link,
                "changes": FileChangeSerializer(found.changes, many=True).data,
            }
        )

    @extend_schema(
        summary="List attached SBOMs",
        parameters=PAGES,
        responses={200: SbomSerializer(many=True), **AWAY},
    )
    @action(detail=True, pagination_class=ListPages, filter_backends=(), renderer_classes=JSON_ONLY)
    def sboms(self, request: Request, **_: Any) -> Response:
        """The attached SBOMs: by BuildKit, by cosign, or referring to the image; SPDX and CycloneDX."""
        with opened_place(image := self.get_object(), self.user) as place:
            found = sboms.find_sboms(place, image.digest)
        page: Any = self.paginate_queryset(found)  # type: ignore[arg-type]
        return self.get_paginated_response(SbomSerializer(page, many=True).data)

    @extend_schema(
        summary="List the packages of an SBOM",
        parameters=[
            OpenApiParameter("search", str, description="A part of a name, a purl or a licence."),
            *PAGES,
        ],
        responses={200: SbomPackagesSerializer, **AWAY},
    )
    @action(
        detail=True,
        url_path="sboms/<str:digest>",
        pagination_class=ListPages,
        filter_backends=(),
        renderer_classes=JSON_ONLY,
    )
    def sbom(self, request: Request, digest: str, **_: Any) -> Response:
        with opened_place(image := self.get_object(), self.user) as place:
            found = sboms.get_sbom(place, image.digest, digest)
            packages = sboms.packages_of(place, found)
        packages = sboms.search_packages(packages, request.query_params.get("search", ""))
        page: Any = self.paginate_queryset(packages)  # type: ignore[arg-type]
        whole = self.get_paginated_response(PackageSerializer(page, many=True).data).data
        assert whole is not None
        return Response(
            {
                "format": found.format,
                "next": whole["next"],
                "previous": whole["previous"],
                "packages": whole["results"],
            }
        )

    @extend_schema(
        summary="Download the file of an SBOM",
        responses={(200, "application/json"): OpenApiTypes.BINARY, **AWAY},
    )
    @action(
        detail=True,
        url_path="sboms/<str:digest>/file",
        pagination_class=None,
        filter_backends=(),
        renderer_classes=JSON_ONLY,
    )
    def sbom_file(self, request: Request, digest: str, **_: Any) -> FileResponse:
        """As it is attached, byte by byte; other documents that are attached, such as VEX, by their digests, too."""
        return downloads.attached_file(self.get_object(), self.user, digest)

    @extend_schema(
        summary="List the files of an image",
        parameters=[
            PLATFORM,
            OpenApiParameter("path", str, description="A directory; the root by default."),
            OpenApiParameter("search", str, description="A part of a path: finds files below the directory."),
            *PAGES,
        ],
        responses={
            200: FilesSerializer,
            202: IndexingSerializer,
            **AWAY,
            422: refused("`files_unreadable`: a layer can't be read."),
        },
    )
    @action(detail=True, pagination_class=RunningPages, filter_backends=(), renderer_classes=JSON_ONLY)
    def files(self, request: Request, **_: Any) -> Response:
        """As a container sees them: the layers one over the other. 202 until a worker has read the layers."""
        pages = cast(RunningPages, self.paginator)
        start, size = pages.span(request)
        asked = request.query_params
        found = listing.list_files(
            self.get_object(), self.user, platform=_platform(request), path=asked.get("path", ""),
            search=asked.get("search", "").strip(), part=(start, size),
        )  # fmt: skip
        if isinstance(found, Indexing):
            return _indexing(found)
        pages.take(start, size, more=found.more)
        return Response(
            {
                "path": found.path,
                "next": pages.next_link,
                "previous": pages.previous_link,
                "entries": FileSerializer(found.files, many=True).data,
            }
        )

    @extend_schema(
        summary="Get the content of a small file",
        parameters=[PLATFORM, OpenApiParameter("path", str, required=True, description="A regular file.")],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            202: IndexingSerializer,
            **AWAY,
            413: refused("`too_large`: the file has more than 1 MiB."),
            422: refused("`files_unreadable`, or `no_content`: the file can't be shown."),
        },
    )
    @action(
        detail=True,
        url_path="files/content",
        pagination_class=None,
        filter_backends=(),
        renderer_classes=JSON_ONLY,
    )
    def file_content(self, request: Request, **_: Any) -> HttpResponseBase:
        """Up to 1 MiB; links are followed inside the image."""
        path = request.query_params.get("path", "")
        found = listing.file_content(self.get_object(), self.user, platform=_platform(request), path=path)
        return _indexing(found) if isinstance(found, Indexing) else found


def _indexing(found: Indexing) -> Response:
    return Response(
        {"state": "indexing", "progress": found.progress}, status=202, headers={"Retry-After": "2"}
    )


def _other(request: Request) -> str:
    return request.query_params.get("with", "").strip()


def _platform(request: Request) -> str:
    return request.query_params.get("platform", "").strip()
