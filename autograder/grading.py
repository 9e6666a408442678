"""Grading one submission: a call with a path, and back comes a grade.

Arguments and results are plain data, so that they can go to another process. Nothing is printed:
whoever calls hears of events.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autograder import catalog, judging
from autograder import rubric as rubrics
from autograder.host.sandbox import WALLED, Sandbox, Tier
from autograder.measuring import Counting
from autograder.results import CheckResult, Grade, Visibility
from autograder.rubric import Entry, Rubric
from autograder.submissions.places import source_of
from autograder.submissions.reading import Submission, open_submission
from autograder.workers import Verdict, Workers
from lab3 import STUDENT_FILES

RUN_GROUPS = ("runs", "accuracy")
SOLUTION = Path(__file__).resolve().parents[1] / "solution"  # of a checkout; the wheel has none
SYSTEM_DATA = Path("/usr/share/datasets")  # what packages install


@dataclass(frozen=True)
class Options:
    """How to grade: behind which walls at least, on which data, and by which checks.

    ``tiers`` are tried in their order. ``data_dir`` is made absolute at once: it stays where it is
    when the current folder changes. By default it is the system's. ``run_groups`` are the groups
    of checks that need runs; without ``needs_runs`` they are left out for a submission that has
    none.
    """

    tiers: tuple[Tier, ...] = WALLED
    data_dir: Path = SYSTEM_DATA
    is_exact: bool = False
    test_set: Path | None = None
    visibilities: tuple[Visibility, ...] = ("public", "hidden")
    keyword: str = ""
    run_groups: tuple[str, ...] = RUN_GROUPS
    needs_runs: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_dir", self.data_dir.absolute())

    def asks(self, entry: Entry, has_runs: bool) -> bool:
        """Tell whether an entry of the rubric is asked of a submission."""
        group = entry.check.split(".")[0]
        return (
            entry.visibility in self.visibilities
            and self.keyword in entry.check
            and (group not in RUN_GROUPS or group in self.run_groups)
            and (group not in RUN_GROUPS or has_runs or self.needs_runs)
        )


@dataclass(frozen=True)
class Event:
    """Something that happened: ``done`` of ``total`` checks are judged, and what is going on."""

    kind: Literal["warming", "judging", "counting", "canary"]
    done: int = 0
    total: int = 0
    text: str = ""


OnEvent = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Hear of no event."""


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

    def grade(self, path: Path) -> Grade:
        """Return the grade of a folder or an archive.

        Raises SubmissionError when nothing can be graded, SandboxError when no walls hold.
        """
        with open_submission(path) as submission:
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


def load_rubric(path: Path | None = None) -> Rubric:
    """Return a rubric, the kit's own by default; raise RubricError when it is not right."""
    return rubrics.load(path or rubrics.RUBRIC, list(catalog.all_checks()))


def reference() -> Submission | None:
    """Return the reference solution as a submission; None where there is only the wheel."""
    folder = SOLUTION / "lab3"
    files = {p.name: p.read_bytes() for p in sorted(folder.glob("*.py")) if p.name in STUDENT_FILES}
    if not files:
        return None
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    return Submission("reference", digest, files, {}, None, (), ())
