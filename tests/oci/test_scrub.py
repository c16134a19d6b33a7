"""What is taken out of text before anyone reads it."""

from __future__ import annotations

import base64

import pytest

from oci.scrub import MASK, remember, scrub

SECRET = "pa/ss wörd+1"


def test_a_held_secret_is_masked_in_every_form_and_forgotten_afterwards() -> None:
    pair = base64.b64encode(f"ann:{SECRET}".encode()).decode()
    plain = base64.b64encode(SECRET.encode()).decode()
    text = f"{SECRET} pa%2Fss%20w%C3%B6rd%2B1 {pair} {plain}"
    with remember(SECRET, "ann"):
        assert scrub(text) == " ".join([MASK] * 4)
    assert scrub(text) == text


def test_two_who_hold_the_same_secret_forget_it_one_by_one() -> None:
    with remember("same-secret"):
        with remember("same-secret"):
            assert scrub("same-secret") == MASK
        assert scrub("same-secret") == MASK
    assert scrub("same-secret") == "same-secret"


def fail_with(secret: str) -> str:
    with pytest.raises(RuntimeError) as caught, remember(secret):
        raise RuntimeError(f"{secret} is wrong")
    return scrub(str(caught.value))


def test_after_an_error_it_is_masked_for_whoever_writes_the_error_down() -> None:
    assert fail_with("lingering-secret") == f"{MASK} is wrong"


def test_and_forgotten_when_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oci.scrub.LINGER_SECONDS", -1.0)
    assert fail_with("another-secret") == "another-secret is wrong"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: *** ***"),
        ("Authorization: Basic YW5uOnNlY3JldA==", "Authorization: *** ***"),
        ('{"token": "abcdef", "other": 1}', '{"token": "***", "other": 1}'),
        ("https://s3.example/x?X-Amz-Signature=abc&y=1", "https://s3.example/x?X-Amz-Signature=***&y=1"),
        ("https://ann:secret@registry.example/v2/", "https://***@registry.example/v2/"),
        ("password=hunter2 and more", "password=*** and more"),
    ],
)
def test_what_has_the_shape_of_a_secret_is_masked(text: str, shown: str) -> None:
    assert scrub(text) == shown


@pytest.mark.parametrize("text", ["", "nginx:latest", "The tag moved.", "sha256:" + "a" * 64])
def test_other_text_stays(text: str) -> None:
    assert scrub(text) == text


def test_a_short_secret_blanks_out_no_words() -> None:
    with remember("at"):
        assert scrub("what a cat") == "what a cat"
