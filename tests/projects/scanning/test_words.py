"""What severities are called, by themselves and within sentences that are stored."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation

from accounts.exceptions import filled
from imageimport.choices import Action
from imageimport.messages import english, parts, shown
from imageimport.policy.decision import Facts, Requirements, Rule, RuleSet, decide
from oci.contents.vulnerabilities import SEVERITIES
from projects.scanning.words import SEVERITY_WORDS, severity_in_sentence, severity_word

RULE = Rule(
    id=None, name="Clean", of="project", action=Action.ALLOW, requires=Requirements(max_severity="high")
)


def test_each_severity_has_a_word_and_another_text_stays() -> None:
    assert set(SEVERITY_WORDS) == set(SEVERITIES)
    assert (severity_word("high"), severity_word("Grave")) == ("High", "Grave")
    assert (severity_in_sentence("high"), severity_in_sentence("Grave")) == ("high", "Grave")


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "en",
            "The worst vulnerability that the rule “Clean” accepts is high. This image has one that is critical.",
        ),
        ("zh-hans", "规则“Clean”接受的最高漏洞级别为高危，而此镜像存在严重漏洞。"),
    ],
)
def test_a_refusal_names_severities_in_the_readers_words(language: str, sentence: str) -> None:
    facts = Facts(source="docker.io/library/nginx", tag="1", severity="critical", whole=True)
    template, params = decide(RuleSet(project=[RULE]), facts, now=dt.datetime.now(dt.UTC)).note
    stored = parts(template, params)
    with translation.override(language):
        assert filled(template, params) == shown("", stored) == sentence
    assert "is high" in english(stored)


def test_a_limit_that_is_a_number_is_said_as_it_is() -> None:
    assert (
        filled("At most %(limit)d, or %(severity)s", {"limit": 3, "severity": "Grave"})
        == "At most 3, or Grave"
    )
