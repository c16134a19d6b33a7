"""Signing in to the API by ``Authorization: Bearer <token>``."""

from rest_framework.authentication import BaseAuthentication


class BearerAuthentication(BaseAuthentication):
    pass
