"""Where a student stands: stubs, runs that count, public points, and what to do next."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lab3 import STUDENT_FILES
from lab3.log.records import TITLES
from lab3.log.runlog import LOG_NAME, RunLog, RunLogError, read_log
from lab3.selection import Selection, is_of_the_lab, select
from lab3.units import percent
from tools.running.quantizing import QAT_RECIPE
from tools.running.soundness import faults
from tools.running.training import network_defaults
from tools.running.workspace import REPAIR, is_stub
from tools.studying.checking import PARTS

if TYPE_CHECKING:
    from autograder.results import Grade
    from lab3.selection import DataName

STUBS = {  # by the file they stand in: class, function, part of the handout
    "resnet.py": (
        ("QuantizableBottleneck", "forward", 1),
        ("QuantizableBottleneck", "add_relu", 1),
        ("QuantizableResNet", "forward", 1),
        ("QuantizableBottleneck", "fuse_model", 2),
        ("QuantizableResNet", "fuse_model", 2),
    ),
    "observer.py": (("CusQuantObserver", "scale_approximate", 3),),
}
PART_NAMES = {1: "forward", 2: "fuse_model", 3: "scale_approximate", 4: "train, quantize, compare"}


@dataclass(frozen=True)
class Stub:
    """One of the six functions to write: open, written, or right as far as is public."""

    name: str
    part: int
    state: str


@dataclass(frozen=True)
class Run:
    """A run, how far it is, and whether it counts and why."""

    name: str
    kind: str
    counts: bool
    why: str


@dataclass(frozen=True)
class Points:
    """The public points of a part of the handout: reached, and still open.

    ``waiting`` are those of checks that were not asked: of runs, and of accuracies.
    """

    part: int
    earned: float
    open: float
    waiting: float


@dataclass(frozen=True)
class Standing:
    """Everything that ``lab3 status`` shows."""

    stubs: list[Stub]
    runs: list[Run]
    points: list[Points]
    next_command: str
    why: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_runs(folder: Path) -> tuple[list[RunLog], list[str]]:
    """Return the run logs in a folder of runs, and what is wrong with those that are damaged."""
    logs, damaged = [], []
    for path in sorted(folder.glob(f"*/{LOG_NAME}")):
        try:
            logs.append(read_log(path.parent))
        except RunLogError as error:
            damaged.append(f"{error}: {REPAIR}")
    return logs, damaged


def standing(
    folder: Path, grade: Grade, logs: Sequence[RunLog], public: dict[str, float], has_report: bool
) -> Standing:
    """Return where a student stands; ``public`` are the points of each public check."""
    stubs = stubs_of(folder, grade)
    selection = select([log for log in logs if log.end])
    command, why = following(stubs, grade, logs, selection, has_report)
    return Standing(stubs, runs_of(logs, selection), points_of(grade, public), command, why)


def stubs_of(folder: Path, grade: Grade) -> list[Stub]:
    """Return the stubs in the order of the handout, with what the checks say of each."""
    passed: dict[tuple[str, str], bool] = {}
    for result in grade.results:
        for group, functions in CHECKED_BY.items():
            if result.group == group:
                for one in functions:
                    passed[one] = passed.get(one, True) and result.outcome == "passed"
    stubs = []
    for file in STUDENT_FILES:
        written = functions_in(folder / "lab3" / file)
        for owner, function, part in STUBS[file]:
            state = "open"
            if written is None:
                state = "no Python: see lab3 check"
            elif written.get((owner, function)):
                is_right = passed.get((owner, function), False)
                state = "right" if is_right else f"not right yet: lab3 check --part {part}"
            stubs.append(Stub(f"{owner}.{function}", part, state))
    return sorted(stubs, key=lambda stub: stub.part)


CHECKED_BY = {  # groups of checks, and the stubs that they are about
    "forward": (
        ("QuantizableBottleneck", "forward"),
        ("QuantizableBottleneck", "add_relu"),
        ("QuantizableResNet", "forward"),
    ),
    "fusion": (("QuantizableBottleneck", "fuse_model"), ("QuantizableResNet", "fuse_model")),
    "observer": (("CusQuantObserver", "scale_approximate"),),
}


def functions_in(path: Path) -> dict[tuple[str, str], bool] | None:
    """Return which methods of a file are more than stubs; None when it is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    return {
        (owner.name, function.name): not is_stub(function)
        for owner in tree.body
        if isinstance(owner, ast.ClassDef)
        for function in owner.body
        if isinstance(function, ast.FunctionDef)
    }


def runs_of(logs: Sequence[RunLog], selection: Selection) -> list[Run]:
    """Return all runs, and of each whether it counts and why."""
    chosen = [log for log in (selection.fp32, selection.ptq, selection.qat) if log]
    return [
        Run(log.name, TITLES[log.start.kind], log in chosen, reason(log, selection)) for log in logs
    ]


def reason(log: RunLog, selection: Selection) -> str:
    """Say why a run counts or doesn't; the rule is that of ``lab3.selection``."""
    if log.end is None:
        return "not complete: its command again goes on"
    for fault in faults(log.path.parent, log):
        return f"{fault}: --restart does the run again"
    accuracy = f"validation accuracy {percent(log.end.validation_accuracy)}"
    fp32 = selection.fp32
    if log is fp32:
        is_whole = selection.qat and selection.ptq
        return f"PTQ and QAT continue it, {accuracy}" if is_whole else accuracy
    if log.start.kind == "train":
        name = fp32.name if fp32 else "another"
        return f"{name} counts: more runs continue it, or it is more accurate"
    if fp32 is None or not log.continues(fp32):
        return f"it doesn't continue {fp32.name if fp32 else 'an FP32 run'}"
    if not is_of_the_lab(log, fp32):
        return "not made with the lab's own configuration"
    chosen = selection.ptq if log.start.kind == "ptq" else selection.qat
    if log is chosen:
        return accuracy
    return f"{chosen.name if chosen else 'another'} is more accurate; {accuracy}"


def points_of(grade: Grade, public: dict[str, float]) -> list[Points]:
    """Return the public points by part: earned, open, and of what was not asked."""
    points = []
    for part, groups in PARTS.items():
        judged = [result for result in grade.results if result.group in groups]
        earned = sum(result.earned for result in judged)
        asked = {result.check for result in judged}
        waiting = sum(
            value
            for check, value in public.items()
            if check.split(".")[0] in groups and check not in asked
        )
        points.append(Points(part, earned, sum(r.points for r in judged) - earned, waiting))
    return points


def following(
    stubs: Sequence[Stub],
    grade: Grade,
    logs: Sequence[RunLog],
    selection: Selection,
    has_report: bool,
) -> tuple[str, str]:
    """Return the next command to type, and why."""
    for stub in stubs:
        if stub.state == "open":
            return f"lab3 check --part {stub.part}", f"{stub.name} is still a stub: write it, then"
    wrong = next((stub for stub in stubs if stub.state != "right"), None)
    if wrong:
        return f"lab3 check --part {wrong.part}", f"{wrong.name} is not right yet"
    unfinished = next((log for log in logs if log.end is None), None)
    if unfinished and not selection.fp32:
        return command_of(unfinished), f"{unfinished.name} goes on where it was"
    baseline = selection.fp32
    if baseline is None:
        return "lab3 train --dataset digits", "the code is right: practise on digits first"
    option = "" if baseline.name == "fp32" else f" --baseline {baseline.name}"
    for kind, log in (("ptq", selection.ptq), ("qat", selection.qat)):
        if log is None:
            return f"lab3 {kind}{option}", f"no {TITLES[kind]} run continues {baseline.name}"  # type: ignore[index]
    chosen = [log for log in (selection.fp32, selection.ptq, selection.qat) if log]
    if any(log.result is None for log in chosen):
        names = " ".join(log.name for log in chosen)
        return f"lab3 evaluate {names}", "the test images haven't been looked at"
    unsound = next((log for log in chosen if faults(log.path.parent, log)), None)
    if unsound:
        fault = faults(unsound.path.parent, unsound)[0]
        return f"{command_of(unsound)} --restart", f"{unsound.name}: {fault}"
    failed = [r for r in grade.results if r.group in ("runs", "accuracy") and r.outcome != "passed"]
    if failed:
        return "lab3 check --part 4", "a check of your runs doesn't pass"
    if not has_report:
        return "lab3 report --html", "the runs are complete: write your report"
    return "lab3 submit", "answer what is open in report.md, then pack"


def command_of(log: RunLog) -> str:
    """Return the command that does a run, with what it was given beside the defaults."""
    from lab3.training import RECIPES

    start = log.start
    words = ["lab3", start.kind]
    usual: dict[str, Any] = {"name": "fp32" if start.kind == "train" else start.kind}
    if start.kind == "train":
        words += ["--dataset", start.data.name]
        arch, width = network_defaults(start.data.name)
        usual |= RECIPES[cast("DataName", start.data.name)].model_dump() | {
            "arch": arch,
            "width": width,
        }
    elif start.baseline:
        usual["baseline"] = "fp32"
        usual |= {"qconfig": start.kind, "calibration_images": 512}
        usual |= QAT_RECIPE if start.kind == "qat" else {}
    given: dict[str, Any] = {"name": log.name, "arch": start.arch, "width": start.width}
    given |= start.hyperparameters.model_dump() if start.hyperparameters else {}
    given |= {"baseline": start.baseline.name if start.baseline else None}
    given |= {"qconfig": start.qconfig, "calibration_images": start.calibration_images}
    for name, value in given.items():
        if name in usual and value not in (None, usual[name]):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
