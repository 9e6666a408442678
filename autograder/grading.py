"""Grading one submission: a call with a path, and back comes a grade.

Arguments and results are plain data, so that they can go to another process. Nothing is printed:
whoever calls hears of events.
"""

import gc
import hashlib
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from autograder import catalog
from autograder import rubric as rubrics
from autograder.asking import judging, plugin
from autograder.host.sandbox import Sandbox
from autograder.measuring import Counting
from autograder.options import Event, OnEvent, Options, ignore
from autograder.results import CheckResult, Grade
from autograder.rubric import Rubric
from autograder.submissions.places import source_of
from autograder.submissions.reading import Submission, open_submission
from autograder.workers import Verdict, Workers
from lab3 import STUDENT_FILES

SOLUTION = Path(__file__).resolve().parents[1] / "solution"  # of a checkout; the wheel has none


class Grader:
    """Grades one submission after the other on warm workers; a context manager.

    The worker starts at once, or is that of a ``sandbox`` which was started before. ``canary`` is
    graded when a worker goes; see ``Workers``.
    """

    def __init__(
        self,
        rubric: Rubric,
        options: Options = Options(),
        on_event: OnEvent = ignore,
        canary: Submission | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self.rubric, self.options, self.on_event = rubric, options, on_event
        self.verdicts: list[Verdict] = []
        self._workers = Workers(
            sandbox or Sandbox(options.tiers), rubric, canary, self.verdicts.append
        )

    @property
    def sandbox(self) -> Sandbox:
        return self._workers.sandbox

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, *exception: object) -> None:
        self._workers.__exit__(*exception)

    def grade(self, path: Path, name: str = "") -> Grade:
        """Return the grade of a folder or an archive, perhaps under another name than its own.

        Raises SubmissionError when nothing can be graded, SandboxError when no walls hold.
        """
        with open_submission(path) as submission:
            submission = replace(submission, name=name or submission.name)
            self.on_event(Event("warming"))
            self.sandbox.wait_until_ready()
            with self._workers.serving(submission.name) as sandbox:
                grade = self._judge(submission, sandbox)
        return grade.model_copy(update={"source": source_of(path)})

    def _judge(self, submission: Submission, sandbox: Sandbox) -> Grade:
        has_runs = bool(submission.runs)
        entries = judging.with_needs(self.rubric, lambda entry: self.options.asks(entry, has_runs))
        judged: list[CheckResult] = []

        def tell(kind: Literal["judging", "counting"], text: str) -> None:
            self.on_event(Event(kind, len(judged), len(entries), text))

        def on_images(title: str, seen: int, images: int) -> None:
            tell("counting", f"{title}: {seen:,} of {images:,} test images")

        def on_result(result: CheckResult) -> None:
            judged.append(result)
            tell("judging", result.check)

        tell("judging", "")
        counting = Counting(
            self.options.data_dir, self.options.is_exact, on_images, self.options.test_set
        )
        select = set(entries).__contains__
        return judging.grade(submission, self.rubric, sandbox, select, on_result, counting)

    def retire(self) -> Verdict | None:
        """Grade the canary on the present worker; return what it said, if there is one."""
        before = len(self.verdicts)
        self.on_event(Event("canary"))
        self._workers.retire()
        return self.verdicts[-1] if len(self.verdicts) > before else None


def grade_path(
    path: Path,
    rubric: Rubric,
    options: Options = Options(),
    on_event: OnEvent = ignore,
    sandbox: Sandbox | None = None,
) -> Grade:
    """Return the grade of one submission, with what the reference got on the same worker.

    A ``sandbox`` that was started before is used up. Raises SubmissionError when nothing can be
    graded, SandboxError when no walls hold.
    """
    with Grader(rubric, options, on_event, reference(), sandbox) as grader:
        grade = grader.grade(path)
        verdict = grader.retire()
    if verdict is None:
        return grade
    return grade.model_copy(update={"canary": str(verdict), "is_canary_well": verdict.is_well})


def fit_process() -> None:
    """Fit this process to grading: no warnings of PyTorch's, one thread, a quick collector."""
    warnings.simplefilter("ignore")  # PyTorch announces the end of eager quantization
    gc.collect()
    gc.freeze()  # what is imported stays: looking through it again and again takes long
    # Small networks gain nothing from more threads, and lose much where cores are shared.
    torch.set_num_threads(1)


def collect_checks() -> None:
    """Have pytest collect the checks: the processes that are forked from this one need not."""
    plugin.collected()


def load_rubric(path: Path | None = None, key: str | None = None) -> Rubric:
    """Return a rubric, the kit's own by default, perhaps with a course's own key.

    Raises RubricError when it is not right.
    """
    rubric = rubrics.load(path or rubrics.RUBRIC, list(catalog.all_checks()))
    if key is None:
        return rubric
    return replace(rubric, document=rubric.document.model_copy(update={"key": key}))


def reference() -> Submission | None:
    """Return the reference solution as a submission; None where there is only the wheel."""
    folder = SOLUTION / "lab3"
    files = {p.name: p.read_bytes() for p in sorted(folder.glob("*.py")) if p.name in STUDENT_FILES}
    if not files:
        return None
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    return Submission("reference", digest, files, {}, None, (), ())
