"""``lab3 explain``: what stands behind each mark of a grade."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import ValidationError
from typer import Argument, Option

from lab3.units import megabytes
from tools.grades import print_grade
from tools.shared.console import UserError, out
from tools.shared.options import Json
from tools.staff.student import print_history, student_data, student_facts, student_record

if TYPE_CHECKING:
    from autograder.results import CheckResult, Grade
    from tools.staff.student import Record


def explain(
    name: Annotated[
        str,
        Argument(
            metavar="STUDENT|GRADE",
            help="A student of the course by id, name or folder; or a grade.json, or its folder.",
        ),
    ],
    keyword: Annotated[
        str, Option("-k", metavar="NAME", help="Only the checks whose name contains this.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show the evidence behind each mark of a grade: every question, what was expected and got.

    Of a student in a course folder also which attempt counts and why, what lateness takes, and how
    the grade came about: when, by whom and by which rubric, and what changed since the one before.

    Examples:

        lab3 explain ada

        lab3 explain grades/ada

        lab3 explain grades/ada -k lower_clamp
    """
    record = record_of(name)
    grade = record.grade if record else read_grade(Path(name))
    results = tuple(result for result in grade.results if keyword in result.check)
    if not results:
        raise UserError(f"no check of this grade is called {keyword!r}")
    if as_json:
        shown = grade.model_copy(update={"results": results})
        data = student_data(record, shown) if record else shown.model_dump(mode="json")
        out.print_json(json.dumps(data))
        return
    print_facts((student_facts(record) if record else {}) | facts_of(grade), grade.notes)
    for result in () if grade.unread and not keyword else results:  # all say the same
        print_evidence(result)
    if record:
        print_history(record)
    print_grade(f"Grade of {grade.submission}", grade)


def record_of(name: str) -> Record | None:
    """Return what the course has of a student; None where the path of a grade is meant.

    A folder that is called as a student may be what they handed in, and its grade of their making.
    """
    path = Path(name)
    if not is_grade(path):
        return student_record(name)
    if path.name != name or path.is_file():
        return None
    try:
        return student_record(name)
    except UserError:  # nobody is called so
        return None


def is_grade(path: Path) -> bool:
    """Tell whether a path, and not a student, is meant."""
    from autograder.exports.files import GRADE_NAME

    return path.is_file() or (path / GRADE_NAME).exists()


def facts_of(grade: Grade) -> dict[str, str]:
    """Return what a grade rests on."""
    return {
        "submission": f"{grade.submission}, sha256 {grade.submission_sha256}",
        "rubric": f"sha256 {grade.rubric_sha256}",
        "kit": f"{grade.kit}, torch {grade.torch}",
        "walls": ", ".join(grade.walls) or grade.tier,
        "canary": grade.canary or "not graded",
        "used": usage(grade),
        "hidden inputs": f"seed {grade.seed}",
        "accuracy": f"a verdict is wrong with a probability of at most {grade.accuracy_error:g}",
    }


def print_facts(facts: Mapping[str, str], notes: tuple[str, ...]) -> None:
    from autograder.plain_text import harmless

    for name, fact in [*facts.items(), *(("for staff", note) for note in notes)]:
        out.print(f"{name:<14} {harmless(fact)}", markup=False)


def print_evidence(result: CheckResult) -> None:
    """Print all that a check saw."""
    from autograder.messages import describe
    from autograder.plain_text import harmless

    out.print(f"\n{describe(result)}", markup=False)
    for observation in result.observations:
        if observation.holds:
            line = f"  holds   {observation.question}: {observation.got}"
            out.print(harmless(line), markup=False)


def usage(grade: Grade) -> str:
    """Say what a submission's processes used, as the kernel counted it."""
    of = grade.resources
    return (
        f"{of.cpu_s:.1f} s of CPU, {megabytes(of.peak_memory_bytes)} of memory at most, "
        f"{of.output_bytes:,} bytes of output"
    )


def read_grade(path: Path) -> Grade:
    """Return a grade from its file; raise UserError when it isn't one."""
    from autograder.exports.files import GRADE_NAME
    from autograder.results import Grade

    file = path / GRADE_NAME if path.is_dir() else path
    try:
        return Grade.model_validate_json(file.read_bytes())
    except OSError as error:
        where = "" if path.name != str(path) else "; stand in the course's folder to name a student"
        raise UserError(
            f"{file} can't be read: {error.strerror}; lab3 grade writes it{where}"
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{file} is no grade: {where}: {first['msg']}") from None
