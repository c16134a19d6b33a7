"""What is kept of a request that has an ``Idempotency-Key``."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest

from imageimport.api.idempotency import once
from imageimport.models import IdempotencyKey
from tests.support.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_nobody_can_try_passwords_on_what_is_kept_of_a_body(settings: Any) -> None:
    """Who reads the database has no key to hash his guesses with."""
    user, body = UserFactory(), {"image_url": "nginx", "password": "hunter22"}
    kept = []
    for number in range(2):
        settings.SECRET_KEY = f"key-{number}-" + "x" * 50
        once(user=user, key=str(number), where="POST /x", body=body, make=uuid.uuid4)
        kept.append(IdempotencyKey.objects.get(key=str(number)).fingerprint)
    assert kept[0] != kept[1], "it does not depend on the key"
    plain = json.dumps(["POST /x", body], sort_keys=True).encode()
    assert hashlib.sha256(plain).hexdigest() not in kept
