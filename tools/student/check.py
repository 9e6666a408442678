"""``lab3 check``: the public checks on a student's own files."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from lab3 import STUDENT_FILES
from tools.grades import Progress, prepare, print_grade
from tools.shared.console import UserError, out, say
from tools.shared.options import Code, DataDir, Json

if TYPE_CHECKING:
    from autograder.results import CheckResult, Grade
    from autograder.rubric import Rubric

MESSAGES = 3  # as many fit on one screen


def check(
    keyword: Annotated[
        str, Option("-k", metavar="NAME", help="Only the checks whose name contains this.")
    ] = "",
    everything: Annotated[
        bool, Option("--all", help="Show every message, not only the first three.")
    ] = False,
    accuracy: Annotated[
        bool, Option("--accuracy", help="Also count right test images; takes minutes on a CPU.")
    ] = False,
    watch: Annotated[bool, Option("--watch", help="Check again whenever a file is saved.")] = False,
    html: Annotated[
        Path | None, Option("--html", metavar="FILE", help="Also write a page with all messages.")
    ] = None,
    as_json: Json = False,
    code: Code = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """Check your stubs, and your run logs when there are any, as grading will.

    Your code runs in a process of its own, behind the walls that this computer offers. Hidden
    checks make the same claims with other inputs. The exit code is 0 when everything passed.

    Examples:

        lab3 check

        lab3 check -k lower_clamp

        lab3 check --watch

        lab3 check --accuracy --html check.html
    """
    from autograder.host.sandbox import WALLED, Sandbox

    folder = find_folder(code)
    with Sandbox((*WALLED, "none")) as sandbox, Progress("your code") as progress:
        prepare(progress)  # the worker imports torch meanwhile
        from autograder.grading import Grader, load_rubric
        from autograder.options import Options

        options = Options(
            data_dir=data_dir,
            visibilities=("public",),
            keyword=keyword,
            run_groups=("runs", "accuracy") if accuracy else ("runs",),
            needs_runs=False,
        )
        rubric = load_rubric()
        if not any(options.asks(entry, has_runs=True) for entry in rubric.entries):
            raise UserError(no_such_check(keyword, rubric))
        sandbox.wait_until_ready()
        progress.close()
        if sandbox.tier == "none":
            say(f"your code runs without walls\n{sandbox.why_not_stronger}")
        grader = Grader(rubric, options, progress, sandbox=sandbox)
        while True:
            saved = modified(folder)
            grade = grader.grade(folder)
            progress.close()
            show(grade, as_json, everything)
            if html:
                from autograder.exports.feedback import feedback
                from autograder.exports.files import write_text

                write_text(html, feedback(grade, "everything"))
                say(f"wrote {html}")
            if not watch:
                break
            say("watching; Ctrl-C ends")
            try:
                while modified(folder) == saved:
                    time.sleep(0.2)
            except KeyboardInterrupt:
                break
    if any(result.outcome != "passed" for result in grade.results):
        sys.exit(1)


def find_folder(code: Path | None) -> Path:
    """Return the folder that holds the student's ``lab3/``; raise UserError when none does."""
    for folder in [code] if code else [Path(), Path("assignment")]:
        if (folder / "lab3").is_dir():
            return folder.resolve()
    raise UserError(
        f"no {code or Path()}/lab3: run this in the folder that holds your lab3/, or name it with "
        "--code DIR"
    )


def modified(folder: Path) -> list[float]:
    """Return when the student's files were saved."""
    paths = [folder / "lab3" / name for name in STUDENT_FILES]
    return [path.stat().st_mtime if path.exists() else 0.0 for path in paths]


def no_such_check(keyword: str, rubric: Rubric) -> str:
    names = dict.fromkeys(e.check for e in rubric.entries if e.visibility == "public")
    return f"no public check is called {keyword!r}: choose from {', '.join(names)}"


def show(grade: Grade, as_json: bool, everything: bool) -> None:
    """Print a table, and the messages that help most."""
    from autograder.messages import describe

    if as_json:
        out.print_json(grade.model_dump_json())
        return
    print_grade(f"Public checks at {datetime.now(UTC).astimezone():%H:%M:%S}", grade)
    failed = [r for r in grade.results if r.outcome != "passed"]
    roots = first_of_each_place([r for r in failed if r.waits_for is None])
    messages = failed if everything else roots[:MESSAGES]
    for result in messages:
        out.print(f"\n{describe(result)}", markup=False)
    if len(messages) < len(failed):
        out.print(
            f"\n{len(failed) - len(messages)} more did not pass: --all shows them", markup=False
        )


def first_of_each_place(results: list[CheckResult]) -> list[CheckResult]:
    """Return failed claims, and of the stubs that are still open one claim each."""
    seen: set[str] = set()
    roots = []
    for result in results:
        place = str(result.place)
        if result.outcome == "not_implemented" and place in seen:
            continue
        seen.add(place)
        roots.append(result)
    return roots
