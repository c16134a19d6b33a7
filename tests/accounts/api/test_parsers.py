"""Bodies that are not what clients must send."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("body", ["[]", '"x"', "null", "{", "\ud83d", "[" * 2000])
def test_a_body_that_is_no_object_is_refused(body: str) -> None:
    from django.test import Client

    raw = body.encode("utf-8", "surrogatepass")
    answer = Client().post("/api/v1/auth/tokens", raw, content_type="application/json")
    assert answer.status_code == 400
