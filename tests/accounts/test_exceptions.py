"""What services raise, as a sentence in the reader's language."""

from __future__ import annotations

import pytest
from django.utils import translation

from accounts.exceptions import ApplicationError, FieldErrors, Refusal, filled, sentence_of
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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ApplicationError("queue_full", "Full.", retry_after=30), ("queue_full", "Full.", 30)),
        (FieldErrors({"name": ["Taken.", "Odd."]}), ("invalid", "Taken.", None)),
        # How long a source wants to be left alone says nothing about when the portal may be asked.
        (OciError("rate_limited", "%(n)d left.", retry_after=600, n=0), ("rate_limited", "0 left.", None)),
    ],
)
def test_a_page_keeps_what_was_refused_and_says_it_in_one_sentence(
    error: Exception, said: tuple[str, str, float | None]
) -> None:
    with Refusal() as refusal:
        raise error
    assert refusal
    assert (refusal.code, refusal.detail, refusal.retry_after) == said
    assert refusal.error is error


def test_a_page_has_nothing_to_say_where_nothing_was_refused() -> None:
    with Refusal() as refusal:
        pass
    assert not refusal
    assert (refusal.code, refusal.detail, refusal.retry_after, refusal.facts) == ("", "", None, {})


def test_a_defect_is_no_refusal() -> None:
    with pytest.raises(LookupError), Refusal():
        raise LookupError("bug")


def test_what_else_is_known_of_a_refusal_is_for_the_page_too() -> None:
    with Refusal() as refusal:
        raise ApplicationError("target_busy", "Busy.", facts={"task": "7"})
    assert refusal.facts == {"task": "7"}
