"""Documents of an image as files for a browser or a program."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Final, TypeVar

from django.contrib.auth.models import User
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_noop

from oci.errors import OciError
from oci.limits import SBOM_BYTES
from projects.contents import sboms
from projects.contents.reading import opened_place
from projects.models import Image

Answer = TypeVar("Answer", bound=HttpResponseBase)

_MEMORY_BYTES: Final = 1024 * 1024
_TOO_LARGE: Final = gettext_noop("The document is too large.")


def attached_file(image: Image, reader: User, digest: str) -> FileResponse:
    """An SBOM, or another document, as it is attached. It is taken from the registry before the answer begins, so a
    slow reader holds nothing of the registry's.

    :raises Http404: the image has no such document.
    :raises OciError: it can't be read.
    """
    with opened_place(image, reader) as place:
        found = sboms.get_attached(place, image.digest, digest)
        if found.layer.size > SBOM_BYTES:
            raise OciError("limit_exceeded", _TOO_LARGE)
        file = place.stream(found.layer, _spooled)
    is_json = "json" in found.layer.media_type or found.sbom is not None
    name = f"{image.repository.rpartition('/')[2]}-{digest.partition(':')[2][:12]}.{found.name}"
    kind = "application/json" if is_json else "application/octet-stream"
    return harmless(
        FileResponse(file, as_attachment=True, filename=name + ".json" * is_json, content_type=kind)
    )


def _spooled(chunks: Iterator[bytes]) -> IO[bytes]:
    """A file with the bytes, read from its start. The response closes it; bytes that end early leave nothing open."""
    with ExitStack() as closes:
        file = closes.enter_context(tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES))
        for chunk in chunks:
            file.write(chunk)
        file.seek(0)
        closes.pop_all()
        return file


def harmless(response: Answer) -> Answer:
    """What a stranger wrote is never shown by the browser as a page of ours."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
