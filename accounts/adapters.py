"""How allauth behaves here: nobody signs up by himself."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedAccountAdapter(DefaultAccountAdapter):
    """Users are made in the admin, or come by OIDC where that is configured."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
