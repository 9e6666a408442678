"""``lab3 grade``: the marks of one submission, or of a class."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from typer import Argument, Option

from lab3 import STUDENT_FILES
from lab3.errors import LabError
from tools.grades import Exact, Progress, RubricFile, prepare, print_grade, print_walls
from tools.shared.console import UserError, out, say
from tools.shared.options import DataDir, Json
from tools.staff.classwide import Order, grade_class, selection_of, settle
from tools.staff.diff import show_diff
from tools.staff.overview import present, write_overview

if TYPE_CHECKING:
    from autograder.course.folder import Course
    from autograder.grades.items import Item
    from autograder.grades.planning import Selection
    from autograder.host.sandbox import Tier
    from autograder.options import Options

# Exit codes: the folder holds another's grade; the grading itself could not decide something.
TAKEN, NEEDS_STAFF = 2, 3
CLASS = "A class"

Walls = Annotated[
    str,
    Option(
        "--walls",
        metavar="namespaces|landlock",
        help="The least that has to keep the code in; the strongest that holds here is taken.",
    ),
]
Only = Annotated[
    list[str],
    Option("--only", metavar="NAME", rich_help_panel=CLASS, help="Only these; * and ? are known."),
]
Exclude = Annotated[
    list[str], Option("--exclude", metavar="NAME", rich_help_panel=CLASS, help="All but these.")
]
Rerun = Annotated[
    list[str],
    Option(
        "--rerun",
        metavar="failed|changed|NAME",
        rich_help_panel=CLASS,
        help="Grade again what staff has to settle, what another rubric or kit graded, or these.",
    ),
]
Jobs = Annotated[
    int | None,
    Option("--jobs", min=1, rich_help_panel=CLASS, help="Processes at once; as many as cores."),
]
Shard = Annotated[
    str,
    Option(
        "--shard",
        metavar="i/n",
        rich_help_panel=CLASS,
        help="Only the i-th of n parts, for the jobs of a cluster.",
    ),
]
Diff = Annotated[
    str,
    Option(
        "--diff",
        metavar="OLD|previous",
        rich_help_panel=CLASS,
        help="Grade nothing: list the marks that differ from a copy of grades/, or from before.",
    ),
]
Overview = Annotated[
    bool,
    Option(
        "--overview",
        rich_help_panel=CLASS,
        help="Grade nothing: write grades/index.html anew, with the marks of today.",
    ),
]
Scheduler = Annotated[
    str,
    Option(
        "--scheduler",
        metavar="ADDRESS",
        rich_help_panel=CLASS,
        help="Grade on a Dask cluster, such as tcp://10.0.0.1:8786.",
    ),
]


def grade(
    path: Annotated[
        Path | None,
        Argument(
            metavar="[PATH]",
            help="A submission, or a folder of them; the class of the course folder without.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        Option("--out", metavar="DIR", help="Where grades go; by default grades/, or grades/NAME."),
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
    only: Only = [],  # noqa: B006
    exclude: Exclude = [],  # noqa: B006
    rerun: Rerun = [],  # noqa: B006
    jobs: Jobs = None,
    shard: Shard = "1/1",
    diff: Diff = "",
    overview: Overview = False,
    scheduler: Scheduler = "",
    as_json: Json = False,
    schema: Annotated[
        bool, Option("--schema", help="Print the JSON Schema of grade.json, and nothing else.")
    ] = False,
    data_dir: DataDir = Path("data"),
) -> None:
    """Grade submissions: their code, run logs and checkpoints.

    The code runs behind walls, without network and without a file to read or write. Writes
    ``grade.json`` (everything, for staff), and for students ``feedback.html``, ``junit.xml`` and
    Gradescope's ``results.json``, which tell of hidden checks what the rubric allows.

    In a course folder the whole class is graded, on all cores: each grade is stored when it is
    there, what has one already is left out, and the same command goes on after any interruption.
    With ``--json`` there is one line a grade. ``grades/index.html`` shows the class as one page;
    what a deadline or an extension changes in it needs no grading: ``--overview``.

    Data and grades lie where no submission decides about them: not in the submission, not behind
    a link in it, and, unless their paths are absolute, not where you stand in a submission. A
    folder with the grade of another submission is left as it is, and the exit code is 2. It is 3
    when something needs staff before all points can be given.

    Examples:

        lab3 grade

        lab3 grade --rerun failed --only "ada*"

        lab3 grade --diff previous

        lab3 grade --scheduler tcp://10.0.0.1:8786

        lab3 grade submissions/ada.zip --exact --out grades/ada

        lab3 grade --schema > grade.schema.json
    """
    from autograder import results

    if schema:
        out.print(results.json_schema(), markup=False)
        return
    if test_set is not None and not test_set.exists():
        raise UserError(f"--test-set {test_set}: there is no such file or folder")
    from autograder.course.folder import Course, course_of
    from autograder.options import Options
    from autograder.submissions.entries import visible

    selection = selection_of(only, exclude, rerun, shard)
    course = Course.here()
    if course is None and path is not None and (unused := course_of(path)):
        say(f"{visible(str(unused))} is not used: the course is the one in which you stand")
    if diff:
        compare(diff, folder, course, path, selection, as_json)
        return
    if course is None and path is None:
        raise UserError(
            "name a submission: lab3 grade submissions/ada.zip; or stand in a course folder, where "
            "the whole class is graded: lab3 course init DIR makes one"
        )
    top = folder or (course.grades if course else Path("grades"))
    require_own_grounds(course, data_dir, test_set, rubric_file)
    options = Options(tiers_of(walls), data_dir, exact, test_set)
    if course:
        options, rubric_file = with_course(course, options, data_dir, rubric_file)
    items = class_of(course, path)
    if items is None:
        assert path is not None
        if overview:
            raise UserError("--overview is of a class: stand in a course folder, or name a folder")
        if scheduler:
            raise UserError(
                "--scheduler is for a class: stand in a course folder, or name a folder of "
                "submissions"
            )
        grade_one(path, folder, rubric_file, course, options, as_json)
        return
    top = folder or (course.grades if course else Path("grades"))
    if overview:
        whose = course if is_course(course, path) else None
        say(f"wrote {write_overview(items, top.absolute(), whose, present(rubric_file))}")
        return
    from autograder.batch.local import cores
    from autograder.batch.orders import Task

    task = Task(rubric_file, course.key() if course else None, options)
    if scheduler and jobs:
        raise UserError("--jobs is for this computer: a cluster has the threads of its workers")
    whose = course if is_course(course, path) else None
    settle(task, top, None if whose else path)
    order = Order(
        items, top.absolute(), task, selection, jobs or cores(), scheduler, as_json, whose
    )
    grade_class(order)


def require_own_grounds(
    course: Course | None,
    data_dir: Path,
    test_set: Path | None,
    rubric_file: Path | None,
) -> None:
    """Raise PlaceError for a path that counts from a folder in somebody's submission."""
    from autograder.submissions.places import require_own_ground

    its_data_dir = course.settings.data_dir if course else None
    named = {
        "--data-dir": its_data_dir or data_dir,
        "--test-set": test_set,
        "--rubric": rubric_file,
    }
    for option, path in named.items():
        if path is not None:
            require_own_ground(path, option)


def compare(
    old: str,
    folder: Path | None,
    course: Course | None,
    path: Path | None,
    selection: Selection,
    as_json: bool,
) -> None:
    """Show which grades of a class, or of one submission, differ from earlier ones."""
    from autograder.submissions.places import grade_name

    top = folder or (course.grades if course else Path("grades"))
    items = class_of(course, path) if course or path else []
    if items is None and path is not None:
        selection = replace(selection, only=(grade_name(path),))
    show_diff(old, top, items or [], selection, as_json)


def is_course(course: Course | None, path: Path | None) -> bool:
    """Tell whether the class of a course is meant."""
    folders = (course.folder, course.submissions) if course else ()
    return path is None or path.resolve() in folders


def class_of(course: Course | None, path: Path | None) -> list[Item] | None:
    """Return the submissions of a class; None for the path of a single one."""
    from autograder.grades.gathering import holds_several, item_of, items_in

    if course and is_course(course, path):
        return [item_of(one) for one in course.counted()]
    assert path is not None
    return items_in(path) if holds_several(path) else None


def with_course(
    course: Course, options: Options, data_dir: Path, rubric_file: Path | None
) -> tuple[Options, Path | None]:
    """Return options and rubric with what the course says, unless the command line says other."""
    its = course.settings
    if its.data_dir and data_dir == Path("data"):
        options = replace(options, data_dir=its.data_dir)
    options = replace(
        options,
        is_exact=options.is_exact or its.exact,
        test_set=options.test_set or its.test_set,
    )
    return options, rubric_file or its.rubric


def grade_one(
    path: Path,
    folder: Path | None,
    rubric_file: Path | None,
    course: Course | None,
    options: Options,
    as_json: bool,
) -> None:
    """Grade one submission, show its grade, and write its files."""
    from autograder.exports.files import TakenError, require_free, write_files
    from autograder.host.sandbox import Sandbox
    from autograder.plain_text import harmless
    from autograder.submissions.places import grade_name, settled, source_of

    options = replace(options, data_dir=settled(options.data_dir, path, "--data-dir"))
    rubric_file = rubric_file and settled(rubric_file, path, "--rubric")
    if options.test_set:
        options = replace(options, test_set=settled(options.test_set, path, "--test-set"))
    folder = settled(folder or Path("grades") / grade_name(path), path, "--out")
    try:
        require_free(folder, source_of(path))
    except TakenError as error:
        fail(error)
    with Sandbox(options.tiers) as sandbox, Progress(path.name) as progress:
        prepare(progress)  # the worker imports torch meanwhile
        from autograder.grading import grade_path, load_rubric

        rubric = load_rubric(rubric_file, course.key() if course else None)
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
    if {f"lab3/{file} is missing" for file in STUDENT_FILES} <= {*grade.problems}:
        say("is this what an LMS gives of a class? lab3 collect takes that, in a course folder")
    say(f"wrote {', '.join(path.name for path in written)} to {folder}")
    if not grade.is_canary_well:
        say(grade.canary)
    if grade.needs_staff:
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
