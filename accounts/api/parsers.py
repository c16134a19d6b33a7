"""Bodies as clients must send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

from accounts.api.errors import ApiError
from oci.limits import JSON_VALUES
from oci.spec.strict_json import BadJsonError, load


class StrictJson(BaseParser):
    """UTF-8, no key twice, bounded in size and depth; as strict as with what registries send.

    None of the framework's :class:`~rest_framework.parsers.JSONParser`: for those it reads the whole body first, and
    answers a page where that is too large.
    """

    media_type = "application/json"
    renderer_class = JSONRenderer

    #: Of a body; None: ``DATA_UPLOAD_MAX_MEMORY_SIZE``.
    most_bytes: ClassVar[int | None] = None
    most_values: ClassVar[int] = JSON_VALUES

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The document.

        :raises ParseError: it can't be read in one way only.
        :raises ApiError: 413, it is larger than :attr:`most_bytes`.
        """
        most: int = self.most_bytes or settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise ApiError(
                "too_large", _("The request body is larger than %(most)d bytes.") % {"most": most}, 413
            )
        try:
            return load(body, most_values=self.most_values)
        except BadJsonError:
            raise ParseError(
                _("Can't read the request body: it isn't JSON in UTF-8, or an object has the same key twice.")
            ) from None
