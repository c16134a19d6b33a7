"""What services raise, as a sentence in the reader's language."""

from __future__ import annotations

import pytest
from django.utils import translation

from accounts.exceptions import ApplicationError, FieldErrors, filled, sentence_of
from imageimport.messages import of_error, shown
from oci.errors import OciError
from oci.redaction import MASK, remember


def test_the_sentence_is_translated_where_it_is_shown() -> None:
    error = ApplicationError("too_many_webhooks", "A project can have at most %(limit)d webhooks.", limit=20)
    with translation.override("zh-hans"):
        assert error.detail == "每个项目最多有 20 个 Webhook。"
    assert error.detail == str(error) == "A project can have at most 20 webhooks."


def test_an_error_of_the_engine_says_it_in_the_same_way() -> None:
    error = OciError("unreachable", "%(host)s is away: 100 %%", host="ghcr.io")
    assert sentence_of(error) == "ghcr.io is away: 100 %"


def test_what_a_registry_said_follows_after_the_languages_own_colon() -> None:
    template = "%(host)s denies access to %(what)s%(detail)s"
    error = OciError("forbidden", template, host="ghcr.io", what="app:1", detail=": not yours")
    stored = of_error(error)
    assert sentence_of(error) == shown("", stored) == "ghcr.io denies access to app:1: not yours"
    with translation.override("zh-hans"):
        assert sentence_of(error) == shown("", stored) == "ghcr.io 禁止访问 app:1：not yours"
        assert (
            filled(template, {"host": "ghcr.io", "what": "app:1", "detail": ""}) == "ghcr.io 禁止访问 app:1"
        )


def test_a_sentence_without_values_keeps_its_percent_signs() -> None:
    assert filled("100 % done") == "100 % done"


def test_no_value_brings_a_secret_into_a_sentence() -> None:
    with remember("hunter2hunter2"):
        assert filled("Refused: %(why)s", {"why": "hunter2hunter2"}) == f"Refused: {MASK}"


def test_of_field_errors_the_first_sentence_can_stand_for_all() -> None:
    errors = FieldErrors({"name": ("Too long.", "Too odd."), "url": ("Missing.",)})
    assert errors.first == "Too long."
    assert errors.errors == {"name": ["Too long.", "Too odd."], "url": ["Missing."]}


def test_facts_are_no_part_of_the_sentence() -> None:
    error = ApplicationError("target_busy", "%(target)s is busy.", facts={"task": "7"}, target="app:1")
    assert (error.facts, error.params) == ({"task": "7"}, {"target": "app:1"})
    with pytest.raises(ApplicationError, match=r"app:1 is busy\."):
        raise error
