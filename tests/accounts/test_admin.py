"""What the admin site shows of accounts."""

from __future__ import annotations

from django.test import Client


def test_nothing_can_be_typed_where_the_portal_would_not_read_it(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    assert "/admin/mfa/authenticator/" in page
    for path in ("account/emailaddress", "socialaccount/socialapp", "socialaccount/socialtoken"):
        assert path not in page
        assert admin_client.get(f"/admin/{path}/add/").status_code == 404
