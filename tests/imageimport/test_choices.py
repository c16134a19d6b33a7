"""A new stage or transport is known wherever it must be: else the test that misses it names the place."""

from __future__ import annotations

import pytest

from imageimport.choices import ERROR_NAMES, STAGE_PROGRESS, Stage, Transport
from imageimport.templatetags import imports as shown
from imageimport.worker.progress import STAGE_MESSAGES
from imageimport.worker.transports import transport_class
from oci.errors import ERROR_CODES


def test_stages_have_rising_percents_and_a_message() -> None:
    assert list(STAGE_PROGRESS) == list(Stage)
    assert sorted(set(STAGE_PROGRESS.values())) == list(STAGE_PROGRESS.values())
    assert list(STAGE_MESSAGES) == list(Stage)


def test_stages_have_their_place_on_the_page() -> None:
    assert [Stage.START, *shown.STEPS] == list(Stage)
    assert shown._NEXT.keys() == set(Stage) - {Stage.DONE}


@pytest.mark.parametrize("name", Transport)
def test_a_transport_has_a_class_of_its_own_with_every_step(name: Transport) -> None:
    found = transport_class(name)
    assert [other for other in Transport if transport_class(other) is found] == [name]
    for step in ("login", "pull", "tag", "push", "cleanup"):
        assert callable(getattr(found, step))


def test_every_error_code_has_advice() -> None:
    assert shown.ADVICE.keys() == set(ERROR_CODES)


def test_every_error_has_a_name_of_its_own() -> None:
    assert set(ERROR_NAMES) == ERROR_CODES
    assert len({str(name) for name in ERROR_NAMES.values()}) == len(ERROR_CODES)
