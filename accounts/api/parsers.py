"""Bodies as clients must send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from accounts.api.errors import ApiError
from oci.spec.strict_json import BadJsonError, load


class StrictJson(JSONParser):
    """UTF-8, no key twice, bounded in size and depth; as strict as with what registries send."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The document.

        :raises ParseError: it can't be read in one way only.
        :raises ApiError: 413, it is larger than ``DATA_UPLOAD_MAX_MEMORY_SIZE``.
        """
        most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise ApiError("too_large", _("The body is larger than %(most)d bytes.") % {"most": most}, 413)
        try:
            return load(body)
        except BadJsonError:
            raise ParseError(
                _("The body can't be read: it is not JSON in UTF-8, or says something twice.")
            ) from None
