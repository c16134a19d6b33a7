"""Every page of the sample rows, asked for by the test client."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.test import Client

from scripts.pictures import sample_pages, sample_rows


@dataclass(frozen=True, slots=True)
class Sample:
    """A filled database and the ids in its pages' addresses."""

    ids: dict[str, str]

    def page(self, path: str, *, user: str = "ada", language: str = "en") -> str:
        """The text of a page, as ``user`` sees it; empty: signed out."""
        client = Client(headers={"accept-language": language})
        if user:
            client.force_login(User.objects.get(username=user))
        return client.get(path.format(**self.ids)).content.decode()


def filled() -> Sample:
    """Make the sample rows; for a test with a database."""
    sample_rows.fill()
    return Sample(sample_pages.ids())


#: Addresses of the pictures, each once; those that only the pictures' own site has are left to the browser.
ADDRESSES = tuple(
    dict.fromkeys(
        (shot.path, shot.user) for shot in sample_pages.PAGES if not shot.path.startswith("/pictures/")
    )
)
