"""How slowly a document may come."""

from __future__ import annotations

import pytest

from oci.http.patience import Patience
from oci.limits import DOCUMENT_RATE


class Sender:
    """Takes its time for each read, on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        self._view = memoryview(bytearray(DOCUMENT_RATE))

    def sends(self, patience: Patience, count: int, *, seconds: float) -> bool:
        """Whether patience lasts."""

        def readinto(view: memoryview) -> int:
            self.now += seconds
            return min(count, view.nbytes)

        assert patience.read(readinto, self._view) == count
        return not patience.is_over


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Sender:
    return Sender(monkeypatch)


def test_a_document_has_the_stall_time_and_a_larger_one_more(sender: Sender) -> None:
    patience = Patience(60)
    assert sender.sends(patience, 1, seconds=59)
    assert sender.sends(patience, DOCUMENT_RATE, seconds=2)
    assert not sender.sends(patience, 1, seconds=0.1)


def test_what_passes_between_two_reads_is_not_the_senders_time(sender: Sender) -> None:
    patience = Patience(60)
    for _ in range(100):
        sender.now += 3600
        assert sender.sends(patience, 1, seconds=0.5)
    assert not sender.sends(patience, 1, seconds=11)


def test_a_read_that_fails_says_why(sender: Sender) -> None:
    def fails(_view: memoryview) -> int:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Patience(60).read(fails, memoryview(bytearray(1)))
