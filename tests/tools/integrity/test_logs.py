"""What is read from run logs, and what no clock can have measured."""

from datetime import timedelta

import pytest

from lab3.log.records import Record
from lab3.log.runlog import RunLogError
from tests.making.course.copies import changed_log, own_runs
from tests.making.course.drawn import drawn_runs
from tests.making.logs.records import TIME, end, epoch, line, resume, start
from tools.integrity.logs import is_exact, log_print

LATER = TIME + timedelta(hours=1)
CODE = {"lab3/resnet.py": b"", "lab3/observer.py": b""}


def said(*records: Record) -> tuple[str, ...]:
    return log_print("fp32", b"".join(map(line, records))).impossible


def test_an_honest_log_has_nothing_impossible() -> None:
    for path, content in own_runs(drawn_runs(1), CODE, "ada").items():
        if path.endswith(".jsonl"):
            assert log_print("fp32", content).impossible == ()


def test_an_end_before_the_start() -> None:
    (sentence,) = said(start(time=LATER), epoch(1), end(time=TIME))
    assert sentence == "it ends at 2026-03-01 12:30:00 and began at 2026-03-01 13:30:00"


def test_more_seconds_than_passed() -> None:
    slow = epoch(1, duration_s=4000.5, images_per_s=1200 / 4000.5)
    assert said(start(), slow, end(time=LATER)) == (
        "its epochs take 4,000 s, and from start to end 3,600 s pass",
    )


def test_images_that_are_not_there() -> None:
    fast = epoch(1, duration_s=2.0, images_per_s=10_000.0)
    (sentence,) = said(start(), fast, end(time=LATER))
    assert sentence.startswith("epoch 1 has 20,000 images by its seconds")


def test_an_epoch_that_was_resumed_is_not_counted() -> None:
    """The record says after how many epochs: its seconds may be those of a part."""
    part = epoch(2, duration_s=0.1, images_per_s=480.0)
    records = (start(), epoch(1), resume(epoch=1), part, end(time=LATER))
    assert said(*records) == ()


def test_one_duration_for_all_epochs() -> None:
    equal = [epoch(n, duration_s=2.50123456, images_per_s=1200 / 2.50123456) for n in (1, 2, 3)]
    assert said(start(), *equal, end(time=LATER)) == ("all 3 epochs take the same 2.50123456 s",)


def test_a_time_without_a_zone_is_utc() -> None:
    (sentence,) = said(start(time=LATER), epoch(1), end(time=TIME.replace(tzinfo=None)))
    assert sentence.startswith("it ends at")


@pytest.mark.parametrize(
    ("seconds", "exact"), [(2.5, False), (12.0, False), (1e-05, False), (6.2783991009997635, True)]
)
def test_few_digits_are_measured_twice(seconds: float, exact: bool) -> None:
    assert is_exact(seconds) is exact


def test_times_and_curves_survive_other_spelling() -> None:
    content = drawn_runs(1)["runs/fp32/run.jsonl"]
    spaced = changed_log(content, lambda log: log[0].update(name="mine"))
    assert spaced != content
    one, other = (log_print("fp32", text) for text in (content, spaced))
    assert (one.clock, one.curve) == (other.clock, other.curve)
    assert len(one.clock) == 9


def test_rounded_losses_are_the_same_curve() -> None:
    def rounded(log: list[dict[str, float]]) -> None:
        for record in log[1:-2]:
            record |= {name: round(record[name], 4) for name in ("train_loss", "validation_loss")}

    content = drawn_runs(1)["runs/fp32/run.jsonl"]
    assert log_print("a", changed_log(content, rounded)).curve == log_print("a", content).curve


def test_a_log_that_is_none_is_an_error() -> None:
    with pytest.raises(RunLogError):
        log_print("fp32", b"{}\n")
