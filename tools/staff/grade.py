"""``lab3 grade`` and ``lab3 explain``: one submission's marks, and what stands behind each."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from pydantic import ValidationError
from typer import Argument, Option

from lab3.errors import LabError
from lab3.units import megabytes
from tools.grades import (
    Exact,
    Progress,
    RubricFile,
    prepare,
    print_grade,
    print_walls,
)
from tools.shared.console import UserError, out, say
from tools.shared.options import DataDir, Json

if TYPE_CHECKING:
    from autograder.host.sandbox import Tier
    from autograder.results import Grade

# Exit codes: the folder holds another's grade; the grading itself could not decide something.
TAKEN, NEEDS_STAFF = 2, 3

Walls = Annotated[
    str,
    Option(
        "--walls",
        metavar="namespaces|landlock",
        help="The least that has to keep the code in; the strongest that holds here is taken.",
    ),
]


def grade(
    path: Annotated[
        Path | None, Argument(metavar="PATH", help="A submission: a folder or an archive.")
    ] = None,
    folder: Annotated[
        Path | None,
        Option("--out", metavar="DIR", help="Where the files go; by default grades/NAME."),
    ] = None,
    rubric_file: RubricFile = None,
    exact: Exact = False,
    test_set: Annotated[
        Path | None,
        Option(
            "--test-set",
            metavar="PATH",
            help="A private test set: an .npz of images and labels, or a data set's folder.",
        ),
    ] = None,
    walls: Walls = "landlock",
    as_json: Json = False,
    schema: Annotated[
        bool, Option("--schema", help="Print the JSON Schema of grade.json, and nothing else.")
    ] = False,
    data_dir: DataDir = Path("data"),
) -> None:
    """Grade one submission: its code, run logs and checkpoints.

    The code runs behind walls, without network and without a file to read or write. Writes
    ``grade.json`` (everything, for staff), and for students ``feedback.html``, ``junit.xml`` and
    Gradescope's ``results.json``, which tell of hidden checks what the rubric allows.

    Data and grades lie where no submission decides about them: not in the submission, not behind
    a link in it, and, unless their paths are absolute, not where you stand in a submission. A
    folder with the grade of another submission is left as it is, and the exit code is 2. It is 3
    when something needs staff before all points can be given.

    Examples:

        lab3 grade submissions/ada.zip

        lab3 grade submissions/ada.zip --exact --out grades/ada

        lab3 grade --schema > grade.schema.json
    """
    from autograder import results

    if schema:
        out.print(results.json_schema(), markup=False)
        return
    if path is None:
        raise UserError("name a submission: lab3 grade submissions/ada.zip")
    if test_set is not None and not test_set.exists():
        raise UserError(f"--test-set {test_set}: there is no such file or folder")
    from autograder.exports.files import TakenError, require_free, write_files
    from autograder.host.sandbox import Sandbox
    from autograder.plain_text import harmless
    from autograder.submissions.places import grade_name, settled, source_of

    tiers = tiers_of(walls)
    data_dir = settled(data_dir, path, "--data-dir")
    rubric_file = rubric_file and settled(rubric_file, path, "--rubric")
    test_set = test_set and settled(test_set, path, "--test-set")
    folder = settled(folder or Path("grades") / grade_name(path), path, "--out")
    try:
        require_free(folder, source_of(path))
    except TakenError as error:
        fail(error)
    with Sandbox(tiers) as sandbox, Progress(path.name) as progress:
        prepare(progress)  # the worker imports torch meanwhile
        from autograder.grading import grade_path, load_rubric
        from autograder.options import Options

        rubric = load_rubric(rubric_file)
        options = Options(tiers, data_dir, exact, test_set)
        grade = grade_path(path, rubric, options, progress, sandbox)
    try:
        written = write_files(folder, grade, rubric.document.hidden.at(datetime.now(UTC)))
    except TakenError as error:  # by somebody who graded at the same time
        fail(error)
    if as_json:
        out.print_json(grade.model_dump_json())
    else:
        print_grade(f"Grade of {grade.submission}", grade)
        print_walls(grade)
    for note in grade.notes:
        say(f"for staff: {harmless(note)}")
    say(f"wrote {', '.join(path.name for path in written)} to {folder}")
    if not grade.is_canary_well:
        say(grade.canary)
    if grade.undecided or not grade.is_canary_well:
        sys.exit(NEEDS_STAFF)


def fail(error: LabError) -> NoReturn:
    """End because the folder of a grade is taken."""
    say(f"lab3: {error}")
    sys.exit(TAKEN)


def tiers_of(walls: str) -> tuple[Tier, ...]:
    """Return the tiers that are strong enough, strongest first."""
    from autograder.host.sandbox import WALLED

    for index, tier in enumerate(WALLED, 1):
        if walls == tier:
            return WALLED[:index]
    raise UserError(
        f"--walls {walls!r}: choose {' or '.join(WALLED)} (lab3 doctor says which hold)"
    )


def explain(
    path: Annotated[Path, Argument(metavar="GRADE", help="A grade.json, or its folder.")],
    keyword: Annotated[
        str, Option("-k", metavar="NAME", help="Only the checks whose name contains this.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show the evidence behind each mark of a grade: every question, what was expected and got.

    Examples:

        lab3 explain grades/ada

        lab3 explain grades/ada -k lower_clamp
    """
    from autograder.messages import describe
    from autograder.plain_text import harmless

    grade = read_grade(path)
    results = [result for result in grade.results if keyword in result.check]
    if not results:
        raise UserError(f"no check of this grade is called {keyword!r}")
    if as_json:
        out.print_json(grade.model_copy(update={"results": tuple(results)}).model_dump_json())
        return
    facts = {
        "submission": f"{grade.submission}, sha256 {grade.submission_sha256}",
        "rubric": f"sha256 {grade.rubric_sha256}",
        "kit": f"{grade.kit}, torch {grade.torch}",
        "walls": ", ".join(grade.walls) or grade.tier,
        "canary": grade.canary or "not graded",
        "used": usage(grade),
        "hidden inputs": f"seed {grade.seed}",
        "accuracy": f"a verdict is wrong with a probability of at most {grade.accuracy_error:g}",
    }
    for name, fact in [*facts.items(), *(("for staff", note) for note in grade.notes)]:
        out.print(f"{name:<14} {harmless(fact)}", markup=False)
    for result in results:
        out.print(f"\n{describe(result)}", markup=False)
        held = [observation for observation in result.observations if observation.holds]
        for observation in held:
            line = f"  holds   {observation.question}: {observation.got}"
            out.print(harmless(line), markup=False)
    print_grade(f"Grade of {grade.submission}", grade)


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
        raise UserError(f"{file} can't be read: {error.strerror}; lab3 grade writes it") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{file} is no grade: {where}: {first['msg']}") from None
