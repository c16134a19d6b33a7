"""Files of bundles, fetched as people fetch them."""

from __future__ import annotations

from typing import Any

from tests.imageimport.bundles.conftest import Giving
from tests.support.content.bundles import fetch


def file_of(
    giving: Giving, made: Any, number: int = 1, headers: dict[str, str] | None = None
) -> tuple[Any, bytes]:
    url = made["volumes"][number - 1]["url"]
    return fetch(url, {**giving.team.bearer("viewer"), **(headers or {})})
