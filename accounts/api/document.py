"""``/api/schema``: the OpenAPI document, the same for everyone, made once for each language and form."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse
from django.utils import translation
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

_LANGUAGES: Final = frozenset(code for code, _name in settings.LANGUAGES)
_making: Final = threading.Lock()


class SchemaView(SpectacularAPIView):
    """Open to all, and asked by programs: to make it takes a fifth of a second of a process's time."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """``?lang=`` as :mod:`drf_spectacular` has it; another language than the site's is the site's first."""
        renderer: Any = request.accepted_renderer
        asked = request.GET.get("lang") or translation.get_language() or ""
        language = asked if asked in _LANGUAGES else settings.LANGUAGE_CODE
        with _making:  # anyone else waits for the first, and makes none of their own
            body = _document(language, renderer.__class__)
        name = f"{spectacular_settings.TITLE}.{renderer.format}"
        return HttpResponse(
            body,
            content_type=renderer.media_type,
            headers={"Content-Disposition": f'inline; filename="{name}"', "Content-Language": language},
        )


@lru_cache(maxsize=16)
def _document(language: str, renderer: type[BaseRenderer]) -> bytes:
    with translation.override(language):
        generator: Any = SchemaView.generator_class()
        # Of the JSON that the package's own renderer makes, two thirds are blanks, and a browser that shows the
        # documentation reads each of them as YAML.
        writer = JSONRenderer if issubclass(renderer, JSONRenderer) else renderer
        found: bytes = writer().render(generator.get_schema(request=None, public=True), renderer_context={})
        return found
