"""Lists as CSV, for spreadsheets that would take a cell for a formula."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from rest_framework.renderers import BaseRenderer

#: What makes a spreadsheet calculate, also in full width and after white space.
_FORMULA: Final = re.compile(r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20|%]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def neutral(value: Any) -> str:
    """A cell's text: as it is, or behind an apostrophe where it would be taken for a formula."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else str(value)
    text = _CONTROLS.sub("", text)
    return f"'{text}" if isinstance(value, str) and _FORMULA.match(text) else text


class CsvRenderer(BaseRenderer):
    """Rows (mappings) as CSV with a header; ``csv_columns`` of the view says which columns and in what order."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        view = (renderer_context or {}).get("view")
        rows = data if isinstance(data, list) else [data or {}]
        # An error has columns of its own.
        columns = list(getattr(view, "csv_columns", ())) if isinstance(data, list) else list(rows[0])
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        writer.writerows([neutral(row.get(name)) for name in columns] for row in rows)
        return out.getvalue()
