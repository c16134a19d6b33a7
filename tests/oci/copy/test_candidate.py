"""When an image says that it was made."""

from __future__ import annotations

import datetime as dt

import pytest

from oci.copy.candidate import created_of_config


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"created": "2024-01-02T03:04:05Z"}', dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        (
            b'{"created": "2024-01-02T03:04:05.123456789Z"}',
            dt.datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=dt.UTC),
        ),
        (
            b'{"created": "2024-01-02T03:04:05+08:00"}',
            dt.datetime(2024, 1, 1, 19, 4, 5, tzinfo=dt.UTC),
        ),
        # Without a zone it names no moment.
        (b'{"created": "2024-01-02T03:04:05"}', None),
        (b'{"created": "yesterday"}', None),
        (b'{"created": 1704164645}', None),
        (b'{"created": null}', None),
        (b"{}", None),
        (b"[]", None),
        (b"no json", None),
        (None, None),
    ],
)
def test_the_moment_of_an_image_is_what_its_configuration_says_or_none(
    body: bytes | None, found: dt.datetime | None
) -> None:
    assert created_of_config(body) == found
