"""``python -m stack.pgpass FILE``: hands the password of ``DATABASE_URL`` to PostgreSQL's programs by a file.

On their command line every user of the machine reads it. FILE is made with mode 0600, for ``PGPASSFILE``
(postgresql.org/docs/current/libpq-pgpass.html); printed is the URL without the password.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from registry_portal.env import secret_url

_SCHEME: Final = re.compile(r"(postgres|postgresql|psql|pgsql)://")
_SPECIAL: Final = re.compile(r"([\\:])")


def main(arguments: list[str]) -> int:
    """0 if the file is written."""
    url = secret_url("DATABASE_URL")
    if len(arguments) != 1 or not _SCHEME.match(url):
        print("Usage: DATABASE_URL=postgres://… python -m stack.pgpass FILE", file=sys.stderr)
        return 2
    bare, line = split(url)
    path = Path(arguments[0])
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(line + "\n")
    print(bare)
    return 0


def split(url: str) -> tuple[str, str]:
    """The URL without its password, and the line of the file, which fits any host, database and user."""
    parts = urlsplit(url)
    userinfo, at, place = parts.netloc.rpartition("@")
    user, _colon, password = userinfo.partition(":")
    escaped = _SPECIAL.sub(r"\\\1", unquote(password))
    return parts._replace(scheme="postgresql", netloc=f"{user}{at}{place}").geturl(), f"*:*:*:*:{escaped}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
