"""The time of a question: the code's own while it computes, the clock's while it waits."""

import pytest

from autograder.host import child
from autograder.host.child import LONGEST, Ending, Watch


class Computer:
    """A clock, and a child that gets a share of its time."""

    def __init__(self, share: float, counts: bool = True) -> None:
        self.share, self.counts, self.now = share, counts, 1000.0

    def monotonic(self) -> float:
        return self.now

    def used_s(self, _pid: int) -> float | None:
        return 50 + (self.now - 1000) * self.share if self.counts else None

    def end(self, _pid: int, _grace_s: float) -> Ending:
        raise AssertionError


def lasted(monkeypatch: pytest.MonkeyPatch, computer: Computer, limit_s: float) -> Watch:
    """Let a child go on until its time is over."""
    monkeypatch.setattr(child.time, "monotonic", computer.monotonic)
    watch = Watch(computer, 1, limit_s, computer.used_s(1))
    computer.now = watch.deadline
    while watch.goes_on():
        assert watch.deadline > computer.now
        computer.now = watch.deadline
    return watch


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2, 0.08])
def test_a_loaded_computer_takes_no_time_from_code(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    watch = lasted(monkeypatch, computer := Computer(share), 20)
    assert watch.spent_s == pytest.approx(20, abs=0.5)
    assert computer.now - 1000 == pytest.approx(20 / share, rel=0.05)


def test_code_that_waits_is_held_to_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = lasted(monkeypatch, computer := Computer(0.001), 20)
    assert (watch.spent_s, computer.now) == (20, 1020)


def test_where_nobody_counts_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = lasted(monkeypatch, computer := Computer(0.5, counts=False), 20)
    assert (watch.spent_s, computer.now) == (20, 1020)


def test_no_question_goes_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that gets just what computing gets, and never gets done."""
    _, computer = lasted(monkeypatch, computer := Computer(0.0501), 20), computer
    assert computer.now - 1000 <= (LONGEST + 1) * 20
