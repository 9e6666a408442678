"""A student's own files, checked again and again on a worker that stays warm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab3 import STUDENT_FILES
from lab3.log.runlog import LOG_NAME, RunLogError, read_log
from tools.grades import Progress, prepare
from tools.shared.console import UserError, say

if TYPE_CHECKING:
    from autograder.grading import Grader
    from autograder.results import CheckResult, Grade, Place
    from autograder.rubric import Rubric

PARTS: dict[int, tuple[str, ...]] = {  # of the handout: the groups of checks that each is worth
    1: ("forward",),
    2: ("fusion",),
    3: ("observer",),
    4: ("ptq", "qat", "runs", "accuracy"),
}
AROUND = 2  # lines that are shown before and behind a student's own


@dataclass(frozen=True)
class Wanted:
    """Which public checks are asked: those of a name, of some groups, with accuracies or not."""

    keyword: str = ""
    groups: tuple[str, ...] = ()
    has_accuracy: bool = False


class Checker:
    """Checks a folder, or an archive of it, as often as asked."""

    def __init__(self, grader: Grader, progress: Progress, rubric: Rubric) -> None:
        self._grader, self._progress, self.rubric = grader, progress, rubric

    def grade(self, path: Path) -> Grade:
        """Return what the public checks say of a folder or an archive."""
        try:
            return self._grader.grade(path)
        finally:
            self._progress.close()


@contextmanager
def checker(
    folder: Path, wanted: Wanted, data_dir: Path, is_archive: bool = False
) -> Iterator[Checker]:
    """Yield a warm Checker; raise UserError when no public check is wanted.

    Runs are checked once one of them is complete: before, each could only say that it isn't. Those
    of an archive always are.
    """
    from autograder.host.alone import strongest_or_none

    with strongest_or_none() as sandbox, Progress("your code") as progress:
        prepare(progress)  # the worker imports torch meanwhile
        from autograder.grading import Grader, load_rubric
        from autograder.options import Options

        is_asked = is_archive or wanted.has_accuracy or has_complete_run(folder)
        run_groups = ("runs", "accuracy") if wanted.has_accuracy else ("runs",)
        options = Options(
            data_dir=data_dir,
            visibilities=("public",),
            keyword=wanted.keyword,
            groups=wanted.groups,
            run_groups=run_groups if is_asked else (),
            needs_runs=False,
        )
        rubric = load_rubric()
        everything = Options(visibilities=("public",), keyword=wanted.keyword)
        if not any(everything.asks(entry, has_runs=True) for entry in rubric.entries):
            raise UserError(no_such_check(wanted.keyword, rubric))
        sandbox.wait_until_ready()
        progress.close()
        if sandbox.tier == "none":
            say(f"your code runs without walls\n{sandbox.why_not_stronger}")
        yield Checker(Grader(rubric, options, progress, sandbox=sandbox), progress, rubric)


def has_complete_run(folder: Path) -> bool:
    """Tell whether any run of a folder has ended; one whose log is damaged counts as well."""
    for path in sorted((folder / "runs").glob(f"*/{LOG_NAME}")):
        try:
            if read_log(path.parent).end:
                return True
        except RunLogError:
            return True
    return False


def find_folder(code: Path | None) -> Path:
    """Return the folder that holds the student's ``lab3/``; raise UserError when none does."""
    for folder in [code] if code else [Path(), Path("assignment")]:
        if (folder / "lab3").is_dir():
            return folder.resolve()
    raise UserError(
        f"no {code or Path()}/lab3: run this in the folder that holds your lab3/, or name it with "
        "--code DIR"
    )


def saved(folder: Path) -> list[float]:
    """Return when the student's files and run logs were saved."""
    paths = [folder / "lab3" / name for name in STUDENT_FILES]
    paths += sorted((folder / "runs").glob(f"*/{LOG_NAME}"))
    return [path.stat().st_mtime if path.exists() else 0.0 for path in paths]


def no_such_check(keyword: str, rubric: Rubric) -> str:
    names = dict.fromkeys(e.check for e in rubric.entries if e.visibility == "public")
    return f"no public check is called {keyword!r}: choose from {', '.join(names)}"


def roots(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return what failed for a reason of its own, each reason once.

    Of a stub that is still open, or of a file that can't be imported, one check tells for all.
    """
    seen: set[tuple[str, str]] = set()
    found = []
    for result in results:
        if result.outcome == "passed" or result.waits_for is not None:
            continue
        if not result.observations:
            is_open = result.outcome == "not_implemented"
            reason = ("", str(result.place)) if is_open else (result.outcome, result.said)
            if reason in seen:
                continue
            seen.add(reason)
        found.append(result)
    return found


def excerpt(folder: Path, place: Place) -> str:
    """Return the student's own line with two lines around it; empty where there is none."""
    try:
        lines = (folder / place.file).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    first, last = max(1, place.line - AROUND), min(len(lines), place.line + AROUND)
    width = len(str(last))
    return "\n".join(
        f"        {'>' if number == place.line else ' '} {number:{width}} | {lines[number - 1]}"
        for number in range(first, last + 1)
    )
