"""Budgets of reading: what takes too long or too much ends as a sentence, for that part alone."""

import faulthandler
import io
import os
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.submissions import archives, budgets, choosing, reading
from autograder.submissions.budgets import Budget, StalledError, UnreadableError, read_within
from autograder.submissions.entries import FILE, Entry, Limits, SubmissionError
from autograder.submissions.reading import Run, open_submission
from autograder.submissions.runs import Runs, read_logs
from lab3.errors import LabError
from lab3.log.runlog import RunLog, parse_log
from lab3.selection import select
from tests.making.alarms import forever
from tests.making.counting import calls
from tests.making.logs.records import end, epoch, result, resume, start
from tests.making.submissions import PLAIN, as_folder, as_zip, read, refusal

BUDGET = Budget(cpu_s=30, memory_bytes=10**9, answer_bytes=10**6, deadline_s=60)


def lines(*records: object) -> bytes:
    return b"".join(r.model_dump_json().encode() + b"\n" for r in records)  # type: ignore[attr-defined]


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


# One reading


def greedy() -> bytes:
    return bytes(2 * 10**9)


def asleep() -> bytes:
    os.read(os.pipe()[0], 1)
    return b""


def aborted() -> bytes:
    faulthandler.disable()  # pytest's, which would print where
    os.abort()


def damaged() -> bytes:
    raise LabError("is damaged: pack it again")


def faulty() -> bytes:
    raise KeyError("ours")


@pytest.mark.parametrize(
    ("read", "changes", "error", "text"),
    [
        (forever, {"cpu_s": 1}, UnreadableError, "takes more than 1 s of CPU time to read"),
        (greedy, {}, UnreadableError, "takes more than 1000.00 MB of memory to read"),
        (lambda: bytes(1001), {"answer_bytes": 1000}, UnreadableError, "more than 1,000 bytes"),
        (asleep, {"deadline_s": 0.2}, StalledError, "not read within 0.2 s: try again"),
        (aborted, {}, UnreadableError, "of memory"),
        (damaged, {}, UnreadableError, "^is damaged: pack it again$"),
        (faulty, {}, RuntimeError, "KeyError: 'ours'"),
    ],
)
def test_a_reading_that_fails_is_a_sentence_and_leaves_no_process(
    read: Callable[[], bytes], changes: dict[str, float], error: type[Exception], text: str
) -> None:
    budget = Budget(**{**vars(BUDGET), **changes})
    before = len(os.listdir("/proc/self/fd")), children()  # noqa: PTH208
    with pytest.raises(error, match=text):
        read_within(budget, read)
    assert (len(os.listdir("/proc/self/fd")), children()) == before  # noqa: PTH208


def test_an_answer_of_any_size_within_the_budget_comes_whole() -> None:
    answer = os.urandom(900_000)
    assert read_within(BUDGET, lambda: answer) == answer
    assert read_within(BUDGET, lambda: b"") == b""


def test_a_reader_changes_nothing_of_the_grader() -> None:
    values: list[int] = []
    read_within(BUDGET, lambda: values.append(1) or b"")  # type: ignore[func-returns-value]
    assert values == []


def test_a_reading_that_is_interrupted_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(budgets, "receive", interrupted)
    before = children()
    with pytest.raises(KeyboardInterrupt):
        read_within(BUDGET, asleep)
    assert children() == before


# A submission and its parts


def test_a_submission_comes_out_of_its_reader_as_it_went_in(tmp_path: Path) -> None:
    files = {**PLAIN, "lab3/observer.py": b"", "runs/b/model.pt": b"\n", "runs/c/run.jsonl": b"\n"}
    path = as_folder({**files, "other": b""}, tmp_path / "ada")
    here = read(path)
    with open_submission(path) as there:
        assert [run.checkpoint and run.checkpoint.read_bytes() for run in there.runs.values()] == [
            b"weights",
            b"\n",
            None,
        ]
    for name in ("name", "sha256", "files", "report", "ignored", "problems"):
        assert getattr(there, name) == getattr(here, name), name
    assert [(name, run.log, run.checkpoint_sha256) for name, run in there.runs.items()] == [
        (name, run.log, run.checkpoint_sha256) for name, run in here.runs.items()
    ]


def test_a_submission_beyond_its_budget_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal_within(**changes: float) -> str:
        budget = Budget(**{**vars(BUDGET), **changes})
        with pytest.raises(SubmissionError) as caught, open_submission(path, budget=budget):
            pass
        return str(caught.value)

    path = as_folder(PLAIN, tmp_path / "b")
    assert refusal_within(answer_bytes=100) == f"{path} holds more than 100 bytes that count"
    monkeypatch.setattr(reading, "read", lambda *_: forever())
    assert refusal_within(cpu_s=1) == f"{path} takes more than 1 s of CPU time to read"
    assert "was not read within 0.2 s: try again" in refusal_within(deadline_s=0.2)


def test_a_log_beyond_its_budget_costs_itself_and_no_other() -> None:
    whole = lines(start(), epoch(1), end())
    long = lines(start(), *(epoch(n) for n in range(1, 200)))
    logs = read_logs({"a": whole, "b": long, "c": whole}, Budget(30, 10**9, 10_000, 60))
    assert logs["b"] == "runs/b/run.jsonl holds more than 10,000 bytes that count"
    assert all(isinstance(logs[name], RunLog) for name in "ac")
    assert list(logs) == ["a", "b", "c"]


def test_a_line_made_to_fill_memory_is_unreadable() -> None:
    errors = b'{"event":"result","confusion":[' + b'["a"],' * 600_000 + b"[]]}\n"
    run = Run(log=lines(start()) + errors)
    assert Runs({"a": run}, ["digits"]).logs == {
        "a": "runs/a/run.jsonl takes more than 1000.00 MB of memory to read"
    }


def test_what_counts_of_a_log_is_what_its_reader_sends() -> None:
    last = result(accuracy=0.5)
    content = lines(start(), resume(), epoch(1), epoch(2), end(), result(), last) + b'{"torn'
    log = read_logs({"a": content})["a"]
    assert isinstance(log, RunLog)
    counted = (log.start, log.epochs, log.end, log.result)
    assert counted == (start(), [epoch(1), epoch(2)], end(), last)
    assert log.is_torn
    assert log.name == "a"


@pytest.mark.parametrize(
    "line",
    [b'{"event":"' + b"x" * 10**6 + b'"}', b'{"event":"epoch","' + b"x" * 10**6 + b'":0}', b"[1"],
)
def test_what_is_said_of_a_log_is_short(line: bytes) -> None:
    (said,) = read_logs({"a": lines(start()) + line + b"\n"}).values()
    assert isinstance(said, str)
    assert said.startswith("runs/a/run.jsonl:2: ")
    assert len(said) < 500


def test_what_is_told_of_runs_that_do_not_count_is_short() -> None:
    """A name of a data set may fill a log, and every check of runs repeats which there are."""
    data = start().data.model_copy(update={"name": "\x1b[2J" + "x" * 900_000})
    log = lines(start(data=data), end())
    runs = Runs({str(number): Run(log=log) for number in range(9)}, ["digits"])
    said = runs.why_none("train")
    assert said.startswith("no complete FP32 run on digits; there are: 0 (train on ?[2Jxxx")
    assert said.isprintable()
    assert len(said) < 2000


def test_a_line_longer_than_any_record_is_refused() -> None:
    (said,) = read_logs({"a": lines(start()) + b" " * 5_000_000 + b"[]\n"}).values()
    assert said == "runs/a/run.jsonl:2: line: a record has at most 4.00 MB, got 5.00 MB"


# Growth, by counting


units = st.sampled_from([lines(resume()), lines(result()), b"\n", b" \n"])


@given(st.lists(units, min_size=1, max_size=4))
@settings(max_examples=20)
def test_the_work_of_reading_a_log_grows_with_its_lines(some: list[bytes]) -> None:
    def work(times: int) -> int:
        content = lines(start()) + b"".join(some) * times
        return calls(lambda: parse_log(Path("runs/a/run.jsonl"), content))

    few, many = work(20), work(80)
    assert many <= 4 * few + 100


def test_the_work_of_reading_epochs_grows_with_their_number() -> None:
    def work(count: int) -> int:
        content = lines(start(), *(epoch(n) for n in range(1, count + 1)))
        return calls(lambda: parse_log(Path("runs/a/run.jsonl"), content))

    assert work(200) <= 4 * work(50) + 100


def test_runs_are_chosen_without_reading_their_records_again_for_each_other() -> None:
    def work(epochs: int) -> int:
        records = tuple(epoch(n) for n in range(1, epochs + 1))
        logs = [
            RunLog(Path(f"runs/{n}/run.jsonl"), (start(name=str(n)), *records), is_torn=False)
            for n in range(20)
        ]
        return calls(lambda: select(logs))

    more_records = 20 * 100
    assert work(150) - work(50) <= 10 * more_records


names = st.lists(
    st.lists(st.sampled_from(["a", "/", "\u0301\u0316" * 100, "\ufb01"]), max_size=20).map("".join),
    max_size=20,
)


@given(names)
@settings(max_examples=60)
def test_the_work_of_normalising_names_grows_with_their_length(names: list[str]) -> None:
    """Marks over and under a letter are put in order one by one, past all before them."""
    steps = 0

    def normalize(form: str, text: str) -> str:
        nonlocal steps
        steps += len(text) ** 2
        return unicodedata.normalize(form, text)

    choosing.look.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "unicodedata", type("Counting", (), {"normalize": normalize}))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for number, name in enumerate(names):
                archive.writestr(f"x{number}/{name}", b"")
        try:
            entries = list(archives.zip_entries(buffer, Limits()))
            choosing.choose(entries, Limits(), [])
        except SubmissionError:
            pass
    assert steps <= 255 * sum(len(name) + 10 for name in names)


@pytest.mark.parametrize("name", ["\u0301\u0316" * 128, "runs/" + "\u0316\u0301" * 128 + "/x"])
def test_a_name_that_no_file_system_has_is_refused(name: str, tmp_path: Path) -> None:
    path = as_zip({**PLAIN, name: b""}, tmp_path / "a.zip")
    assert "with a name of more than 255 characters" in refusal(path)


def test_the_work_on_a_stored_name_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = zipfile.ZipInfo("/".join(["x" * 200] * 20))
    member.extra = struct.pack("<HHBL", 0x7075, 5, 1, 0) * 7000
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, b"")
    hashed = 0
    crc32 = zlib.crc32

    def counting(data: bytes, value: int = 0) -> int:
        nonlocal hashed
        hashed += len(data)
        return crc32(data, value)

    monkeypatch.setattr(zlib, "crc32", counting)
    read(tmp_path / "a.zip")
    assert hashed <= 2 * (tmp_path / "a.zip").stat().st_size


def test_of_many_runs_the_first_are_read() -> None:
    entries = [Entry(("runs", f"{n:04}", "run.jsonl"), FILE) for n in range(4000)]
    problems: list[str] = []
    slots, _ = choosing.choose(entries, Limits(), problems)
    assert sorted(slots) == [f"runs/{n:04}/run.jsonl" for n in range(32)]
    assert problems == ["runs/ holds 4,000 runs: only the first 32 were read"]


def test_a_log_that_the_computer_had_no_time_for_is_no_fault_of_the_student() -> None:
    hurried = Budget(cpu_s=10, memory_bytes=10**9, answer_bytes=10**6, deadline_s=0)
    with pytest.raises(StalledError, match=r"runs/a/run.jsonl was not read within 0 s: try again"):
        read_logs({"a": b"", "b": b""}, hurried)
