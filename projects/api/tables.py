"""Lists as CSV, for spreadsheets that would take a cell for a formula."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.utils.translation import gettext_noop
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from accounts.exceptions import ApplicationError
from projects.api.mixins import ProjectScoped

if TYPE_CHECKING:
    Base = ProjectScoped
else:
    Base = object

#: What makes a spreadsheet calculate, also in full width and after white space.
_FORMULA: Final = re.compile(r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20|%]")
_TOO_MANY: Final = gettext_noop("The list has more than %(limit)d rows. Filter it to download it.")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def neutral(value: Any) -> str:
    """A cell's text: as it is, or behind an apostrophe where it would be taken for a formula."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else str(value)
    text = _CONTROLS.sub("", text)
    return f"'{text}" if isinstance(value, str) and _FORMULA.match(text) else text


#: For the API's description.
AS_CSV: Final = "A page of the list or, as CSV, all of it."
TOO_MANY: Final = refused("`too_many_rows`: as CSV, the list has more rows than a file takes.")


class CsvLists(Base):
    """Mix in before a viewset's own list: ``?format=csv`` gives the filtered rows as a file of ``csv_columns``."""

    csv_columns: ClassVar[Sequence[str]] = ()
    #: Rows of one file at most: a longer list is refused, not cut.
    csv_rows: ClassVar[int] = 50_000
    #: Of the file, behind the project's.
    csv_name: ClassVar[str] = "list"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page of the list, or all of it as CSV.

        :raises ApplicationError: ``too_many_rows`` (422): it has more than :attr:`csv_rows`.
        """
        if not isinstance(request.accepted_renderer, CsvRenderer):
            return super().list(request, *args, **kwargs)  # type: ignore[misc]
        rows = list(self.filter_queryset(self.get_queryset())[: self.csv_rows + 1])
        if len(rows) > self.csv_rows:
            raise ApplicationError("too_many_rows", _TOO_MANY, limit=self.csv_rows)
        name = f"{self.project.name}-{self.csv_name}.csv"
        return Response(
            self.get_serializer(rows, many=True).data,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


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
