"""What is taken out of text before anyone reads it."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context

import pytest

from oci.redaction import MASK, begin_scope, remember, scope, scrub

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
    monkeypatch.setattr("oci.redaction.LINGER_SECONDS", -1.0)
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


NAMES = ["password", "passwd", "secret", "token", "authorization", "signature", "sig", "access_token"]


@pytest.mark.parametrize("word", NAMES)
@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:5603 does not let us read team/{}:1: it needs a sign-in",
        "Image not found: team/vault-{}:v1.2 doesn't exist on ghcr.io.",
        "ghcr.io/team/app.{}:1@sha256:" + "0" * 64,
        "oci://ghcr.io/team/{}:1",
        "docker://{}@sha256:" + "0" * 64,
        "library/{}:1.27-alpine, team/{}:2",
        "镜像不存在：ghcr.io/team/{}:1。请检查名称",
        "拒绝访问：ghcr.io/team/{}:latest，需要凭据",
        "team/{}: there is no such repository",
        '{{"event": "pulled team/{}:1"}}',
    ],
)
def test_names_of_images_are_no_secrets(word: str, text: str) -> None:
    named = text.format(word, word)
    assert scrub(named) == named


@pytest.mark.parametrize("name", ["secret:1", "token:v2", "signature:latest", "sig:1.0"])
def test_a_name_without_a_path_is_none_either(name: str) -> None:
    assert scrub(f"Imported {name} from docker.io.") == f"Imported {name} from docker.io."


@pytest.mark.parametrize("word", NAMES)
@pytest.mark.parametrize(
    "text",
    [
        "{}=hunter2x",
        "DB_{}=hunter2x",
        "--{}=hunter2x pull",
        "{}: hunter2x",
        "X-Vault-{}: hunter2x",
        "config.{}: hunter2x",
        '"{}":"hunter2x"',
        '"my_{}": "hunter2x"',
        r"{{\"{}\": \"hunter2x\"}}",
        "'{}' : 'hunter2x'",
        "https://ghcr.io/token?{}=hunter2x&x=1",
        "team/{}:hunter2x$%not-a-tag",
    ],
)
def test_what_such_a_word_names_is_masked(word: str, text: str) -> None:
    assert "hunter2x" not in scrub(text.format(word))


@pytest.mark.parametrize(
    "token",
    [
        "ghp_" + "a1" * 18,
        "glpat-" + "Ab1_" * 5,
        "dckr_pat_" + "Zz9-" * 6,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
def test_known_kinds_of_tokens_are_masked_wherever_they_stand(token: str) -> None:
    assert scrub(f"token:{token} and {token}") == f"token:{MASK} and {MASK}"


# --- whose texts ----------------------------------------------------------------------------------------------
def test_a_secret_is_masked_in_the_texts_of_its_own_context_only() -> None:
    def someone_elses() -> str:
        with scope():
            return scrub("GET /alice-page from 127.0.0.1")

    with scope(), remember("127.0.0.1"):
        assert scrub("GET /bobs-page from 127.0.0.1") == f"GET /bobs-page from {MASK}"
        assert copy_context().run(scrub, "127.0.0.1") == MASK, "a thread that works for it"
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(someone_elses).result() == "GET /alice-page from 127.0.0.1"
            assert pool.submit(scrub, "127.0.0.1").result() == MASK, "a thread of nobody hides everything"


def test_an_error_of_a_context_lingers_there_and_in_texts_of_none() -> None:
    def in_no_context() -> str:
        with scope():
            assert fail_with("lingering-in-a-scope") == f"{MASK} is wrong"
            with scope():
                assert scrub("lingering-in-a-scope") == "lingering-in-a-scope"
        return scrub("lingering-in-a-scope")

    assert Context().run(in_no_context) == MASK


def test_the_next_request_of_a_thread_begins_without_the_secrets_of_the_last() -> None:
    def two_requests() -> list[str]:
        begin_scope()
        with pytest.raises(ValueError, match="no"), remember("alice-page"):
            raise ValueError("no")
        first = scrub("GET /alice-page")
        begin_scope()
        return [first, scrub("GET /alice-page")]

    assert Context().run(two_requests) == [f"GET /{MASK}", "GET /alice-page"]


# --- length ---------------------------------------------------------------------------------------------------
def test_a_long_text_is_cut_and_no_held_secret_is_cut_in_two() -> None:
    with remember("a-secret-that-lies-across"):
        found = scrub("x" * 90 + "a-secret-that-lies-across" + "y" * 100, 100)
    assert found == "x" * 90 + MASK + "y" * 7
