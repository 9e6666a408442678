"""Runs whose networks' answers are known: graded by the real checks without a network."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autograder.asking import plugin
from autograder.asking.trial import Trial
from autograder.expected.accuracy import Answers, CountedImages
from autograder.measuring import Counting, Measurements, Part
from autograder.results import Grade, Outcome, with_held_up
from autograder.rubric import Rubric, Thresholds
from autograder.submissions.reading import Run, Submission
from autograder.submissions.runs import Runs
from lab3.log.records import RunKind
from tests.making.grades import grade
from tests.making.grading import RUBRIC
from tests.making.logs.folders import write_runs

RUNS: dict[RunKind, str] = {"train": "fp32", "ptq": "ptq", "qat": "qat"}
SIZES = {"fp32": 94_398_847, "ptq": 23_660_000, "qat": 23_661_000}
CHECKS = {
    "runs": ("ptq_weights", "qat_weights"),
    "accuracy": ("fp32", "ptq_drop", "qat_drop", "quantized_size", "claims"),
}


class KnownAnswers(Answers):
    """Which images a network gets right, known from the start."""

    def __init__(self, right: Tensor, images: CountedImages) -> None:
        self._known, self.images = right, images

    def first(self, count: int) -> Tensor:
        return self._known[:count]


class KnownMeasurements(Measurements):
    """Measurements of networks that were made from each other, and give known answers."""

    known: Mapping[RunKind, Tensor]
    is_exact: bool

    def answers(self, kind: RunKind, _part: Part = "test") -> Answers:
        return KnownAnswers(self.known[kind], self.images())

    def images(self, _part: Part = "test") -> CountedImages:
        order = torch.arange(len(self.known["train"]))
        nothing: Any = None
        return CountedImages(nothing, nothing, order, self.error, self.is_exact, nothing)

    def origin(self, _kind: RunKind) -> list[Any]:
        return []

    def network(self, _kind: RunKind) -> Any:
        return None


class Silent:
    """The client of code that nothing is asked of."""

    group = ""

    def take_output(self) -> str:
        return ""

    def beginning(self, _function: str) -> None:
        return None


def handed_in(folder: Path, missing: str = "") -> Runs:
    """Runs with checkpoints of the usual sizes, one of them perhaps missing."""
    write_runs(folder)
    runs = {}
    for name, size in SIZES.items():
        path = folder / name / "model.pt"
        with path.open("wb") as file:
            file.truncate(size)
        there = None if name == missing else path
        runs[name] = Run((folder / name / "run.jsonl").read_bytes(), there, "0" * 64)
    return Runs(runs, ["digits"])


def rubric_of(thresholds: Thresholds, points: Mapping[str, float], **fields: Any) -> Rubric:
    """A rubric of checks that thresholds are asked of, and what two of them follow."""
    checks = {
        group: {name: {"public": points.get(name, 2.0)} for name in names}
        for group, names in CHECKS.items()
    }
    update = {"checks": checks, "thresholds": {"digits": thresholds}, **fields}
    document = RUBRIC.document.model_copy(update=update)
    return replace(RUBRIC, document=document, sha256=f"{hash(str(document)) % 2**64:064x}")


def grade_known(
    runs: Runs,
    rubric: Rubric,
    known: Mapping[RunKind, Tensor],
    is_exact: bool = False,
    weights: Outcome = "passed",
) -> Grade:
    """Grade runs; ``weights`` is how the checks ended that a drop follows."""
    submission = Submission("ada", "5" * 64, {}, {}, None, (), ())
    silent: Any = {"public": Silent(), "hidden": Silent()}
    trial = Trial(submission, rubric, silent, silent["public"], lambda _: None, Counting())
    of = KnownMeasurements(runs, silent["public"], rubric.document, Counting(), b"")
    of.known, of.is_exact = known, is_exact
    trial.measured = of
    trial._places = {}
    entries = rubric.entries
    for entry in entries[:2]:
        share = float(weights == "passed")
        trial.note(entry, outcome=weights, said="It is not.", share=share)
    needs = {"forward", "ptq", "qat"}
    assert not {result.group for result in trial.results} & needs
    plugin.collected().run(trial, entries[2:])
    return grade(
        *with_held_up(trial.results),
        rubric_sha256=rubric.sha256,
        asked_sha256=rubric.asked_sha256,
        data_set="digits",
        seconds=0,
    )
