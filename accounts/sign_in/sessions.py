"""Sessions in the database, by a hash of their cookie: anyone who reads the table or a backup is signed in nowhere.

``SESSION_ENGINE``; rows are Django's own (:class:`django.contrib.sessions.models.Session`).
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

from accounts.sealed import Unreadable, seal, unseal


def row_key(cookie: str) -> str:
    """What the row of a session is found by: the first 240 bits of SHA-256, which is what Django's column holds.

    A cookie has 165 random bits, so it needs no slow hash.
    """
    digest = hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[:30]).decode("ascii")


class SessionStore(db.SessionStore):
    """Django's, where the row never holds the session's key. Asynchronous code comes by here, too."""

    def encode(self, session_dict: dict[str, Any]) -> str:
        """Sealed: what is put off until a password is typed again brings its cookies along, and a second factor that is
        being set up its secret."""
        return seal(str(super().encode(session_dict)))

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Empty where no key opens it. Rows of the release before are signed only."""
        with suppress(Unreadable):
            session_data = unseal(str(session_data))[0]
        return super().decode(session_data)

    def load(self) -> dict[str, Any]:
        row = None
        if self.session_key:
            found = self.model.objects.filter(session_key=row_key(self.session_key))
            row = found.filter(expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        return bool(super().exists(row_key(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = row_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        cookie = session_key or self.session_key
        if cookie:
            self.model.objects.filter(session_key=row_key(cookie)).delete()

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def asave(self, must_create: bool = False) -> None:
        await sync_to_async(self.save)(must_create)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)
