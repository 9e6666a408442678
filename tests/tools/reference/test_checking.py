"""Every published number follows from the logs, and one that is changed is noticed."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SOLUTION
from tools.reference.checking import (
    complaints,
    differences_of_text,
    differing_values,
    log_faults,
)
from tools.reference.plan import load_plan
from tools.reference.publishing import documents

DIGITS = SOLUTION / "reference" / "digits"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A copy of the published results on the digits, to be changed."""
    shutil.copytree(DIGITS, tmp_path / "digits")
    shutil.copy(DIGITS.parent / "answers.toml", tmp_path)
    return tmp_path / "digits"


def found_in(home: Path) -> list[str]:
    return complaints(load_plan(home / "plan.toml"), home)


@pytest.mark.parametrize("name", ["digits", "fashion-mnist", "cifar10", "fashion-mnist-resnet50"])
def test_every_published_number_follows_from_the_logs(name: str) -> None:
    assert found_in(SOLUTION / "reference" / name) == []


def test_what_was_not_run_shows_no_number_of_ours() -> None:
    tables = (SOLUTION / "reference" / "cifar10" / "tables.md").read_text()
    assert "This plan has not been run" in tables
    rows = [line for line in tables.splitlines() if line.startswith("| ")][2:]
    for row in rows:
        assert ("not run" in row) != ("students" in row)
    assert {"93.96", "92.99", "93.97", "94.41", "23.66", "24.12"} == set(
        re.findall(r"\d+\.\d+", tables)
    )


def numbers(document: Any, where: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], float]]:
    """Return every number of a document with its place."""
    if isinstance(document, dict):
        return [n for key, value in document.items() for n in numbers(value, (*where, key))]
    if isinstance(document, list):
        return [n for i, value in enumerate(document) for n in numbers(value, (*where, i))]
    is_number = isinstance(document, int | float) and not isinstance(document, bool)
    return [(where, document)] if is_number else []


@pytest.mark.parametrize("name", ["results.json", "provenance.json"])
def test_each_number_of_a_document_is_held_against_the_logs(home: Path, name: str) -> None:
    """All numbers are changed at once, and each one's place is in a complaint."""
    path = home / name
    document = json.loads(path.read_text())
    places = numbers(document)
    assert len(places) > 100
    for where, value in places:
        inner = document
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = value + 1
    path.write_text(json.dumps(document))
    named = {text.split(": ", 1)[1].split(" is ")[0] for text in found_in(home) if name in text}
    expected = {
        "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in where).lstrip(".")
        for where, _ in places
    }
    assert expected <= named


def test_each_number_of_a_table_is_held_against_the_logs(home: Path) -> None:
    path = home / "tables.md"
    lines = path.read_text().splitlines(keepends=True)
    rows = [n for n, line in enumerate(lines) if re.match(r"\| (?!---).*\d", line)]
    assert len(rows) > 25
    text = documents(load_plan(home / "plan.toml"), home)["tables.md"]
    for number in rows:
        changed = lines.copy()
        changed[number] = re.sub(r"\d(?=\D*$)", lambda m: str((int(m[0]) + 1) % 10), lines[number])
        path.write_text("".join(changed))
        (found,) = differences_of_text(path, text)
        assert f"tables.md:{number + 1}:" in found


def test_a_number_of_the_report_is_held_against_the_logs(home: Path) -> None:
    path = home / "report.md"
    text = path.read_text()
    accuracy = json.loads((home / "results.json").read_text())["runs"]["runs/seed-0/fp32"]
    shown = f"{100 * accuracy['test_accuracy']:.2f}"
    assert shown in text
    path.write_text(text.replace(shown, "99.99", 1))
    assert [line for line in found_in(home) if "report.md:" in line]


def edited(home: Path, run: str, event: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the records of a kind in a log."""
    path = home / run / "run.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        if record["event"] == event:
            change(record)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


EDITS: dict[str, tuple[str, str, Callable[[dict[str, Any]], None], str]] = {
    "accuracy": ("runs/seed-1/ptq", "result", lambda r: r.update(accuracy=0.99), "no accuracy of"),
    "images": ("runs/seed-1/ptq", "result", lambda r: r.update(images=300), "counts 359 images"),
    "confusion": (
        "runs/seed-0/qat",
        "result",
        lambda r: r["confusion"][0].__setitem__(0, r["confusion"][0][0] + 1),
        "counts 360 images",
    ),
    "class": (
        "runs/seed-0/qat",
        "result",
        lambda r: r["class_accuracy"].update({"3": 0.123}),
        "the accuracy of class 3",
    ),
    "another checkpoint": (
        "variants/seed-2/ptq-shift-5",
        "result",
        lambda r: r.update(checkpoint_sha256="0" * 64),
        "result is of another checkpoint",
    ),
    "bytes": (
        "runs/seed-0/ptq",
        "result",
        lambda r: r.update(checkpoint_bytes=1),
        "another size of the checkpoint",
    ),
    "checkpoint": (
        "runs/seed-0/ptq",
        "end",
        lambda r: r.update(checkpoint_bytes=1),
        "has not the bytes that the log names",
    ),
    "best epoch": ("runs/seed-2/fp32", "end", lambda r: r.update(best_epoch=1), "its best epoch"),
    "validation accuracy": (
        "runs/seed-2/fp32",
        "end",
        lambda r: r.update(validation_accuracy=1.0),
        "not that of its best epoch",
    ),
    "INT8 validation accuracy": (
        "variants/seed-1/qat-per-channel",
        "end",
        lambda r: r.update(validation_accuracy=0.5),
        "not that of the INT8 network",
    ),
    "the limit": (
        "variants/seed-0/ptq-shift-4",
        "start",
        lambda r: r["variant"].update(max_shift_amount=9),
        "variant is",
    ),
    "calibration images": (
        "variants/seed-0/ptq-images-16",
        "start",
        lambda r: r.update(calibration_images=17),
        "calibration_images is 17, and 16 in the plan",
    ),
    "hyperparameters": (
        "runs/seed-0/sweep/base",
        "start",
        lambda r: r["hyperparameters"].update(epochs=3),
        "hyperparameters is",
    ),
    "baseline": (
        "runs/seed-1/qat",
        "start",
        lambda r: r["baseline"].update(checkpoint_sha256="1" * 64),
        "its baseline is not runs/seed-1/fp32",
    ),
    "certificate": (
        "runs/seed-1/qat",
        "certificate",
        lambda r: r.update(images=10),
        "certificate is not of all test images",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_log_that_contradicts_itself_is_found_whatever_is_derived_from_it(
    home: Path, edit: str
) -> None:
    run, event, change, complaint = EDITS[edit]
    plan = load_plan(home / "plan.toml")
    assert log_faults(plan, home) == []
    edited(home, run, event, change)
    assert [text for text in log_faults(plan, home) if run in text and complaint in text]


def test_any_change_of_a_log_is_noticed(home: Path) -> None:
    """Also of what no table shows, such as the loss of an epoch."""
    path = home / "runs" / "seed-0" / "fp32" / "run.jsonl"
    text = path.read_text()
    losses = re.findall(r'"train_loss":[0-9.]+', text)
    path.write_text(text.replace(losses[3], '"train_loss":0.5'))
    assert [text for text in found_in(home) if "log_sha256" in text]


def test_a_missing_and_a_foreign_run_are_named(home: Path) -> None:
    (home / "runs" / "seed-1" / "qat").rename(home / "runs" / "seed-1" / "qat-2")
    found = found_in(home)
    assert "runs/seed-1/qat is missing or has not ended" in found
    assert "runs/seed-1/qat-2 is no run of the plan: delete it" in found


def test_a_damaged_log_is_named_with_its_line(home: Path) -> None:
    path = home / "runs" / "seed-1" / "qat" / "run.jsonl"
    path.write_text("nonsense\n" + path.read_text())
    assert any("qat/run.jsonl:1:" in text for text in found_in(home))


@pytest.mark.parametrize("name", ["results.json", "provenance.json", "tables.md", "report.md"])
def test_a_missing_file_is_named(home: Path, name: str) -> None:
    (home / name).unlink()
    assert [text for text in found_in(home) if f"{name} is missing" in text]


def test_a_missing_figure_is_named(home: Path) -> None:
    figure = next((home / "figures").glob("*.svg"))
    figure.unlink()
    assert [text for text in found_in(home) if f"{figure.name} is missing" in text]


def test_differences_are_told_by_their_place() -> None:
    old = {"a": [1, {"b": 2}], "c": 3, "d": 1}
    new = {"a": [1, {"b": 4}], "e": 3, "d": 1.0}
    assert set(differing_values(old, new)) == {
        ("a[1].b", 2, 4),
        ("c", 3, None),
        ("e", None, 3),
        ("d", 1, 1.0),
    }
