"""``/api/v1/maintenance/collect``: collecting the registry's garbage; for superusers."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import StrictModelSerializer
from accounts.api.permissions import IsSuperuser, TokenReaches
from accounts.api.schema import refused
from accounts.exceptions import filled
from projects.models import Collection
from projects.retention import collection


class CollectionSerializer(StrictModelSerializer):
    """One collection. ``waiting``: until no client can be writing; ``error`` says why one failed."""

    requested_by = serializers.CharField(source="requested_by.username", read_only=True, default=None)
    error = serializers.SerializerMethodField()

    class Meta:
        model = Collection
        fields = (
            "id", "state", "freed_bytes", "manifests", "blobs", "requested_by", "asked_at", "started_at", "ended_at",
            "error",
        )  # fmt: skip
        read_only_fields = fields

    def get_error(self, row: Collection) -> str:
        return filled(row.error["template"]) if row.error else ""


@extend_schema(tags=["maintenance"])
@extend_schema_view(
    list=extend_schema(summary="List garbage collections, newest first"),
    retrieve=extend_schema(summary="Get a garbage collection, and what it freed"),
)
class CollectionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Collection]
):
    """Frees content that no tag points to. Pulls continue; pushes are refused and imports wait until it is over."""

    queryset = Collection.objects.select_related("requested_by")
    serializer_class = CollectionSerializer
    permission_classes = (IsSuperuser, TokenReaches)
    filter_backends = ()
    lookup_url_kwarg = "collection_id"
    lookup_value_converter = "uuid"

    @extend_schema(
        summary="Start a garbage collection",
        request=None,
        responses={
            202: CollectionSerializer,
            409: refused("`collection_running` (with `collection`), or `collection_unavailable`."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        made = collection.request(user=cast(User, request.user))
        location = {"Location": request.build_absolute_uri(f"{request.path.rstrip('/')}/{made.pk}")}
        return Response(self.get_serializer(made).data, status=202, headers=location)
