"""Grading: runs the checks against one submission and returns the grade."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import version

from autograder.asking import plugin
from autograder.asking.trial import Trial
from autograder.catalog import VISIBILITIES, builds_on
from autograder.host import contents
from autograder.host.child import Limits
from autograder.host.client import Client
from autograder.host.sandbox import Sandbox
from autograder.inside.experiments import same_engine
from autograder.measuring import Counting
from autograder.results import CheckResult, Grade, with_held_up
from autograder.rubric import Entry, Rubric
from autograder.submissions.reading import Submission
from autograder.submissions.sources import foreign_modules
from lab3.engines import exact_engines
from lab3.errors import LabError


def limits_of(rubric: Rubric) -> Limits:
    table = rubric.document.limits
    return Limits(
        probe_s=table.probe_s,
        group_s=table.group_s,
        cpu_s=table.cpu_s,
        memory_bytes=table.memory_mb * 10**6,
        files=table.files,
        output_bytes=table.output_kb * 1000,
    )


@contextmanager
def trial_of(
    submission: Submission,
    rubric: Rubric,
    sandbox: Sandbox,
    on_result: Callable[[CheckResult], None] = lambda _: None,
    counting: Counting = Counting(),
) -> Iterator[Trial]:
    """Let a submission's processes answer the checks of a trial, until it is over."""
    with same_engine(), ExitStack() as stack:
        clients = {
            visibility: stack.enter_context(
                Client(dict(submission.files), sandbox, limits_of(rubric))
            )
            for visibility in VISIBILITIES
        }
        reader = stack.enter_context(Client({}, sandbox, limits_of(rubric)))
        yield Trial(submission, rubric, clients, reader, on_result, counting)


def grade(
    submission: Submission,
    rubric: Rubric,
    sandbox: Sandbox,
    select: Callable[[Entry], bool] = lambda _: True,
    on_result: Callable[[CheckResult], None] = lambda _: None,
    counting: Counting = Counting(),
) -> Grade:
    """Return the grade of a submission; ``select`` may leave out entries of the rubric.

    What a selected check builds on is judged as well. Nothing that the submission does raises.
    """
    began = time.monotonic()
    with trial_of(submission, rubric, sandbox, on_result, counting) as trial:
        plugin.collected().run(trial, with_needs(rubric, select))
    return Grade(
        submission=submission.name,
        submission_sha256=submission.sha256,
        rubric_sha256=rubric.sha256,
        asked_sha256=rubric.asked_sha256,
        kit=version("lab3-kit"),
        sources_sha256=contents.sources_sha256(),
        torch=version("torch"),
        engine=engine_used(),
        tier=sandbox.tier,
        walls=sandbox.walls,
        resources=trial.used,
        seed=f"{trial.seeded['hidden'].seed:x}",
        data_set=trial.measured.runs.data_set,
        test_set=str(counting.test_set or ""),
        is_exact=counting.is_exact,
        accuracy_error=rubric.document.accuracy_error,
        problems=(*foreign_modules(submission.files), *submission.problems),
        notes=trial.measured.notes(),
        results=with_held_up(trial.results),
        seconds=round(time.monotonic() - began, 3),
    )


@cache
def engine_used() -> str:
    """Return the INT8 engine that accuracies are counted with; empty where none is exact."""
    try:
        return exact_engines()[0]
    except LabError:
        return ""


def with_needs(rubric: Rubric, select: Callable[[Entry], bool]) -> list[Entry]:
    """Return the selected entries and those they build on, in the rubric's order."""
    wanted = {entry for entry in rubric.entries if select(entry)}
    needed = frozenset[str]().union(*(builds_on(entry.check) for entry in wanted))
    return [
        entry
        for entry in rubric.entries
        if entry in wanted or (entry.check in needed and entry.visibility == "public")
    ]
