"""Submissions of runs, and their grading by the checks of runs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder import catalog
from autograder.asking import judging, plugin
from autograder.asking.trial import Trial
from autograder.host.client import Client
from autograder.host.sandbox import Sandbox
from autograder.inside.experiments import same_engine
from autograder.measuring import Counting
from autograder.results import CheckResult, Grade
from autograder.rubric import Entry, Rubric, Thresholds, Tier
from autograder.submissions.reading import open_submission
from tests.making.grading import KEY, RUBRIC

Log = list[dict[str, Any]]
Grader = Callable[..., dict[str, CheckResult]]
RUN_GROUPS = ("runs", "accuracy")
EASY = Thresholds(
    fp32=(Tier(at=0.2, share=1.0), Tier(at=0.15, share=0.5)),
    drop=(Tier(at=0.5, share=1.0), Tier(at=0.9, share=0.5)),
    largest_bytes=25_000_000,
)


def with_thresholds(key: str = KEY, **tables: Thresholds) -> Rubric:
    changes = {"thresholds": tables, "key": key}
    return replace(RUBRIC, document=RUBRIC.document.model_copy(update=changes))


def is_of_runs(entry: Entry) -> bool:
    return entry.check.split(".")[0] in RUN_GROUPS


def grade_runs(
    sandbox: Sandbox, path: Path, rubric: Rubric, counting: Counting
) -> dict[str, CheckResult]:
    """Grade the runs of a submission by their own checks, as if its code were right."""
    with open_submission(path) as opened, same_engine():
        client = Client(dict(opened.files), sandbox, judging.limits_of(rubric))
        with client:
            clients = dict.fromkeys(catalog.VISIBILITIES, client)
            trial = Trial(opened, rubric, clients, client, lambda _: None, counting)
            entries = [entry for entry in rubric.entries if is_of_runs(entry)]
            plugin.collected().run(trial, entries)
    return {result.check: result for result in trial.results}


def grade_with_code(
    sandbox: Sandbox,
    path: Path,
    counting: Counting,
    rubric: Rubric | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Grade:
    """Grade the runs of a submission, and the code as far as they need it; perhaps other code."""
    with open_submission(path) as opened:
        submission = opened if files is None else replace(opened, files=files)
        rubric = rubric or with_thresholds(digits=EASY)
        return judging.grade(submission, rubric, sandbox, is_of_runs, counting=counting)


def failing(results: dict[str, CheckResult]) -> set[str]:
    return {check for check, result in results.items() if result.outcome != "passed"}


def rewrite(run: Path, change: Callable[[Log], Log | None]) -> None:
    """Change the records of a log."""
    path = run / "run.jsonl"
    log = [json.loads(line) for line in path.read_text().splitlines()]
    log = change(log) or log
    path.write_text("".join(json.dumps(record) + "\n" for record in log))


def record(log: Log, event: str) -> dict[str, Any]:
    return [r for r in log if r["event"] == event][-1]
