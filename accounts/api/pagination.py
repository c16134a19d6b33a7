"""Cursor pages: stable while rows come in, as quick on the last page as on the first."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class CursorPages(CursorPagination):
    """``{"next", "previous", "results"}``; ``page_size`` 50, at most 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-id")
