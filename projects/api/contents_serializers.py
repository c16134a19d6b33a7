"""What is inside an image, as the API shows it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class ImageLayerSerializer(serializers.Serializer[Any]):
    digest = serializers.CharField()
    size = serializers.IntegerField()
    media_type = serializers.CharField()


class HistorySerializer(serializers.Serializer[Any]):
    """One line; ``layer`` is the digest of what it made, null where it made none or the image does not say."""

    created = serializers.CharField(allow_blank=True)
    created_by = serializers.CharField(allow_blank=True)
    comment = serializers.CharField(allow_blank=True)
    empty_layer = serializers.BooleanField()
    layer = serializers.CharField(allow_null=True)


class ContentsSerializer(serializers.Serializer[Any]):
    """One platform of an image; ``config`` is as the image has it."""

    platform = serializers.CharField(allow_blank=True)
    platforms = serializers.ListField(child=serializers.CharField())
    digest = serializers.CharField(source="manifest.digest")
    created = serializers.CharField(source="configuration.created", allow_blank=True)
    architecture = serializers.CharField(source="configuration.architecture", allow_blank=True)
    os = serializers.CharField(source="configuration.os", allow_blank=True)
    config = serializers.DictField(source="configuration.config")
    labels = serializers.DictField(source="configuration.labels", child=serializers.CharField())
    annotations = serializers.DictField(source="manifest.annotations", child=serializers.CharField())
    history = HistorySerializer(source="configuration.history", many=True)
    layers = ImageLayerSerializer(source="manifest.layers", many=True)


class PackageSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField(allow_blank=True)
    type = serializers.CharField(allow_blank=True)
    purl = serializers.CharField(allow_blank=True)
    licences = serializers.ListField(child=serializers.CharField())


class _LayersSerializer(serializers.Serializer[Any]):
    kept = ImageLayerSerializer(many=True)
    added = ImageLayerSerializer(many=True)
    removed = ImageLayerSerializer(many=True)


class _ChangeSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class _PackageChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    type = serializers.CharField(allow_blank=True)
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class _PackagesSerializer(serializers.Serializer[Any]):
    """``known`` is false where one of the two images has no SBOM; the lists are empty then."""

    known = serializers.BooleanField()
    added = PackageSerializer(many=True)
    removed = PackageSerializer(many=True)
    changed = _PackageChangeSerializer(many=True)


class _SizeSerializer(serializers.Serializer[Any]):
    before = serializers.IntegerField()
    after = serializers.IntegerField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """From ``with`` (``before``) to the image (``after``)."""

    same = serializers.BooleanField()
    layers = _LayersSerializer()
    config = _ChangeSerializer(many=True)
    packages = _PackagesSerializer(source="told_packages")
    size = _SizeSerializer(source="sizes")


class SbomSerializer(serializers.Serializer[Any]):
    """One attached SBOM. ``attached``: ``attestation`` (BuildKit), ``tag`` (cosign) or ``referrer``."""

    digest = serializers.CharField(source="layer.digest")
    format = serializers.CharField(help_text="`spdx` or `cyclonedx`")
    platform = serializers.CharField(allow_blank=True)
    attached = serializers.ChoiceField(choices=["attestation", "tag", "referrer"], source="way")
    media_type = serializers.CharField(source="layer.media_type")
    size = serializers.IntegerField(source="layer.size")


class SbomPackagesSerializer(serializers.Serializer[Any]):
    """A page of an SBOM's packages."""

    format = serializers.CharField(help_text="`spdx` or `cyclonedx`")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    packages = PackageSerializer(many=True)


class FileSerializer(serializers.Serializer[Any]):
    """One file. ``mode`` is octal text, ``target`` where a link leads, ``layer`` the digest of the layer it is of."""

    name = serializers.CharField()
    path = serializers.CharField()
    type = serializers.ChoiceField(choices=["file", "dir", "symlink", "hardlink", "char", "block", "fifo"])
    size = serializers.IntegerField()
    mode = serializers.CharField()
    uid = serializers.IntegerField()
    gid = serializers.IntegerField()
    mtime = serializers.DateTimeField()
    target = serializers.CharField(allow_blank=True)
    layer = serializers.CharField(allow_blank=True)


class FilesSerializer(serializers.Serializer[Any]):
    """A page of a directory, or of what was found below it."""

    path = serializers.CharField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    entries = FileSerializer(many=True)


class FileChangeSerializer(serializers.Serializer[Any]):
    """One path; ``before`` or ``after`` is null where an image does not have it. ``what``: ``added``, ``removed``, or
    which of ``type``, ``target``, ``size``, ``mode``, ``owner`` and ``time`` differ."""

    path = serializers.CharField()
    what = serializers.ListField(child=serializers.CharField())
    before = FileSerializer(allow_null=True)
    after = FileSerializer(allow_null=True)


class FileChangesSerializer(serializers.Serializer[Any]):
    """A page of the paths whose files differ."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    changes = FileChangeSerializer(many=True)


class IndexingSerializer(serializers.Serializer[Any]):
    """``progress``: percent of the layers' bytes."""

    state = serializers.ChoiceField(choices=["indexing"])
    progress = serializers.IntegerField()
