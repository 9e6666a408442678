"""Limits of submissions: what is too large is left out or refused, and takes no memory."""

import tracemalloc
from pathlib import Path

import pytest

from autograder.submissions.entries import Limits
from tests.making.submissions import (
    BOTH,
    PACKS,
    PLAIN,
    SMALL,
    Pack,
    as_folder,
    every_pack,
    read,
    refusal,
)

LOGS = Limits(log=64, logs=100)


@every_pack
def test_files_beyond_their_limit_are_left_out(pack: Pack, tmp_path: Path) -> None:
    large = dict.fromkeys(PLAIN, b"x" * 65)
    submission = read(pack(large, tmp_path / "f"), SMALL)
    assert submission.files == {}
    assert submission.report is None
    assert (submission.runs["a"].log, submission.runs["a"].checkpoint) == (None, None)
    said = {f"{name} is larger than 64 bytes and was not read" for name in PLAIN}
    assert set(submission.problems) == said
    assert read(pack(dict.fromkeys(PLAIN, b"x" * 64), tmp_path / "g"), SMALL).problems == ()


@every_pack
def test_the_sum_is_limited(pack: Pack, tmp_path: Path) -> None:
    files = {**PLAIN, **{f"runs/{n}/model.pt": b"x" * 100_000 for n in range(20)}}
    text = refusal(pack(files, tmp_path / "h"), Limits(total=10**6))
    assert "holds more than 1 MB: hand in only lab3/, runs/ and report.md" in text


@every_pack
def test_the_sum_of_logs_is_limited(pack: Pack, tmp_path: Path) -> None:
    """All of them are held in memory at once, and of a small archive they may be huge."""
    logs = {f"runs/{n}/run.jsonl": bytes(40) for n in range(4)}
    submission = read(pack({**logs, "runs/z/run.jsonl": bytes(20)}, tmp_path / "l"), LOGS)
    assert [len(run.log or b"") for run in submission.runs.values()] == [40, 40, 0, 0, 20]
    assert [problem for problem in submission.problems if "runs/" in problem] == [
        f"runs/{n}/run.jsonl was not read: all logs together hold more than 100 bytes"
        for n in (2, 3)
    ]


@every_pack
def test_the_number_of_entries_is_limited(pack: Pack, tmp_path: Path) -> None:
    files = {**BOTH, **{f"data/{n}": b"" for n in range(10_000)}}
    assert "holds more than 10,000 entries: hand in only" in refusal(pack(files, tmp_path / "i"))


@every_pack
def test_the_number_of_runs_is_limited(pack: Pack, tmp_path: Path) -> None:
    files = {f"runs/{n:02}/run.jsonl": b"{}" for n in range(34)}
    submission = read(pack({**PLAIN, **files}, tmp_path / "j"))
    assert list(submission.runs) == [f"{n:02}" for n in range(32)]
    assert submission.problems == ("runs/ holds 35 runs: only the first 32 were read",)


@every_pack
def test_lists_are_bounded(pack: Pack, tmp_path: Path) -> None:
    files = {**PLAIN, **{f"data/{n:03}": b"" for n in range(300)}}
    submission = read(pack(files, tmp_path / "k"))
    assert len(submission.ignored) == 101
    assert submission.ignored[-1] == "and 200 more"


@pytest.mark.parametrize("name", ["zip", "tar.gz"])
def test_a_bomb_takes_no_memory(name: str, tmp_path: Path) -> None:
    bomb = {**PLAIN, "lab3/resnet.py": bytes(40 << 20), "runs/a/model.pt": bytes(40 << 20)}
    path = PACKS[name](bomb, tmp_path / "l")
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        submission = read(path, Limits(checkpoint=1 << 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert set(submission.files) == {"observer.py"}
    assert submission.runs["a"].checkpoint is None
    assert peak < 8 << 20


def test_a_bomb_beside_what_counts_is_noticed_in_a_stream(tmp_path: Path) -> None:
    path = PACKS["tar.gz"]({**PLAIN, "bomb": bytes(4 << 20)}, tmp_path / "l")
    assert "holds more than 2 MB" in refusal(path, Limits(total=2 * 10**6))


def test_huge_folders_nobody_asked_for_are_not_looked_into(tmp_path: Path) -> None:
    for name in (".git", ".venv", "__pycache__", "node_modules", "lab3/__pycache__"):
        as_folder({str(n): b"" for n in range(40)}, tmp_path / "m" / name)
    submission = read(as_folder(PLAIN, tmp_path / "m"), SMALL)
    clutter = (".git/", ".venv/", "__pycache__/", "lab3/__pycache__/", "node_modules/")
    assert submission.ignored == clutter
