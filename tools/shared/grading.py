"""What ``lab3 check`` and ``lab3 grade`` share: walls, the way to a grade, and how it is shown."""

from __future__ import annotations

import gc
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from lab3 import STUDENT_FILES
from lab3.runlog import write_atomically
from tools.shared.console import Bar, out, print_table
from tools.shared.options import PLACES
from tools.shared.table import Table

if TYPE_CHECKING:
    from autograder.host.sandbox import Sandbox
    from autograder.results import CheckResult, Grade
    from autograder.rubric import Entry, Rubric
    from autograder.submissions.reading import Submission

SOLUTION = Path(__file__).resolve().parents[2] / "solution"  # of a checkout; the wheel has none

RubricFile = Annotated[
    Path | None,
    Option("--rubric", metavar="FILE", rich_help_panel=PLACES, help="Another rubric.toml."),
]
Exact = Annotated[
    bool, Option("--exact", help="Count all test images instead of stopping when it is certain.")
]


def load_rubric(path: Path | None) -> Rubric:
    from autograder import grading, rubric

    return rubric.load(path or rubric.RUBRIC, list(grading.all_checks()))


def reference() -> Submission | None:
    """Return the reference solution as a submission; None where there is only the wheel."""
    from autograder.submissions.reading import Submission

    folder = SOLUTION / "lab3"
    files = {p.name: p.read_bytes() for p in sorted(folder.glob("*.py")) if p.name in STUDENT_FILES}
    if not files:
        return None
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    return Submission("reference", digest, files, {}, None, (), ())


def prepare() -> None:
    """Import what checks need; the worker imports torch meanwhile."""
    import torch

    import autograder.grading  # noqa: F401

    warnings.simplefilter("ignore")  # PyTorch announces the end of eager quantization
    gc.collect()
    gc.freeze()  # what is imported stays: looking through it again and again takes long
    # Small networks gain nothing from more threads, and lose much where cores are shared.
    torch.set_num_threads(1)


def graded(
    submission: Submission,
    rubric: Rubric,
    sandbox: Sandbox,
    data_dir: Path,
    select: Callable[[Entry], bool],
    is_exact: bool = False,
) -> Grade:
    """Return the grade of a submission, with a progress bar."""
    from autograder import grading
    from autograder.expected.inputs import inputs_for
    from autograder.material import Material

    document = rubric.document
    total = sum(map(select, rubric.entries))
    done: list[CheckResult] = []
    with Bar(submission.name, total) as bar:

        def on_images(title: str, seen: int, images: int) -> None:
            bar.move_to(len(done), f"{title}: {seen:,} of {images:,} test images")

        def on_result(result: CheckResult) -> None:
            done.append(result)
            bar.move_to(len(done), result.check)

        material = Material(
            runs=submission.runs,
            thresholds=document.thresholds,
            data_dir=data_dir,
            is_exact=is_exact,
            order_seed=inputs_for("hidden", document.key, submission.sha256).seed,
            error=document.accuracy_error,
            unverified=document.unverified,
            on_images=on_images,
        )
        return grading.grade(submission, rubric, sandbox, material, select, on_result)


def group_table(grade: Grade) -> Table:
    """One row a group: points, and the checks that did not pass."""
    from autograder.messages import number, one_line

    rows: list[tuple[str, ...]] = []
    for group, results in grade.groups.items():
        earned, points = sum(r.earned for r in results), sum(r.points for r in results)
        rows.append((group, one_line(not_passed(results)), number(earned), number(points)))
    return Table(("Group", "Checks", "Points", "of"), rows, left=2)


def not_passed(results: list[CheckResult]) -> str:
    """Name the checks that did not pass, by outcome; a check that fails twice is named once."""
    from autograder.messages import WORDS

    outcomes = dict.fromkeys(result.outcome for result in results)
    if len(outcomes) == 1:
        return f"all {WORDS[results[0].outcome].lower()}"
    parts = []
    for outcome in outcomes:
        if outcome != "passed":
            of_it = [result for result in results if result.outcome == outcome]
            public = {result.name for result in of_it if result.visibility == "public"}
            named = [r.name if r.name in public else f"{r.name} (hidden inputs)" for r in of_it]
            parts.append(f"{WORDS[outcome].lower()}: {', '.join(dict.fromkeys(named))}")
    return "; ".join(parts)


def print_grade(title: str, grade: Grade) -> None:
    """Print the groups and the sum on stdout."""
    from autograder.messages import harmless, summary

    print_table(title, group_table(grade))
    out.print(summary(grade), markup=False)
    for problem in grade.problems:
        out.print(f"note: {harmless(problem)}", markup=False)


def print_walls(grade: Grade) -> None:
    """Print what stood between the code and this computer, and whether the worker stayed well."""
    out.print(f"walls: {', '.join(grade.walls)}", markup=False)
    if grade.canary:
        out.print(f"canary: {grade.canary}", markup=False)


def write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
