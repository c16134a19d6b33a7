"""The catalogue and the code are compared both ways."""

from __future__ import annotations

from scripts.translations import differences

CODE = """
msgid "Save"
msgstr ""

msgctxt "severity"
msgid "High"
msgstr ""
"""


def test_a_catalogue_with_each_text_and_no_other_is_fine() -> None:
    assert differences(CODE.replace('msgstr ""', 'msgstr "好"'), CODE) == []


def test_what_is_missing_empty_or_fuzzy_is_named() -> None:
    assert differences("", CODE) == ["not translated: High (severity)", "not translated: Save"]
    assert len(differences(CODE, CODE)) == 2
    assert (
        len(
            differences(CODE.replace('msgstr ""', 'msgstr "好"').replace("msgid", "#, fuzzy\nmsgid", 1), CODE)
        )
        == 1
    )


def test_a_translation_that_no_source_has_is_named_and_so_is_one_of_another_context() -> None:
    kept = CODE.replace('msgstr ""', 'msgstr "好"')
    assert differences(kept + '\nmsgid "Gone"\nmsgstr "旧"\n', CODE) == ["in no source any longer: Gone"]
    assert differences(kept.replace("severity", "place"), CODE) == [
        "not translated: High (severity)",
        "in no source any longer: High (place)",
    ]
