"""Exports of a whole course, from its grades to files that go elsewhere."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from autograder.course.folder import Course
from autograder.grades.storing import Store
from autograder.publishing import canvas, gradescope, moodle, table
from autograder.publishing.awards import Awards, awards
from autograder.publishing.cells import cells_of, rubric_of
from autograder.publishing.feedback import Pages, for_canvas, for_moodle
from autograder.publishing.filling import Filling, title
from autograder.publishing.gradebook import folders
from autograder.publishing.gradebook.layout import lay_out
from autograder.publishing.gradebook.opening import opened, url_of
from autograder.publishing.gradebook.reading import by_hand
from autograder.publishing.gradebook.writing import Written, write
from autograder.publishing.sheet import SheetError, read_sheet
from autograder.publishing.standings import Standing, standings
from autograder.publishing.writing import write_file, write_zip
from autograder.rubric import Disclosure

FEEDBACK_NAME = "feedback.zip"


@dataclass(frozen=True)
class Request:
    """What an export is asked for; files go into ``to``."""

    course: Course
    to: Path
    is_overwriting: bool = False
    is_scaled: bool = False
    is_code_only: bool = False

    @property
    def store(self) -> Store:
        return Store(self.course.grades)

    @property
    def disclosure(self) -> Disclosure:
        """What students may be told of hidden checks today."""
        return rubric_of(self.course).document.hidden.at(datetime.now(UTC))

    def awards(self) -> Awards:
        """Return everybody's marks, with those of people where there is a gradebook."""
        course = self.course
        given = by_hand(course)
        everybody = standings(course, self.store)
        return awards(everybody, cells_of(course), given, self.is_code_only)


@dataclass(frozen=True)
class Exported:
    """The files of an export, and what became of the marks."""

    filling: Filling
    files: list[Path] = field(default_factory=list)


def to_moodle(request: Request, worksheet: Path) -> Exported:
    """Fill in Moodle's worksheet, and pack the pages for those in it."""
    sheet = read_sheet(worksheet)
    marks = request.awards()
    try:
        filling, participants = moodle.fill(sheet, marks, request.is_overwriting, request.is_scaled)
    except SheetError as error:
        raise SheetError(f"{worksheet}: {error}") from None
    filled, feedback = named(request, worksheet), request.to / FEEDBACK_NAME
    write_file(filled, sheet.content())
    pages = Pages(request.store, request.disclosure, marks)
    write_zip(feedback, for_moodle(participants, pages))
    return Exported(filling, [filled, feedback])


def to_canvas(request: Request, gradebook: Path, assignment: str) -> Exported:
    """Fill in Canvas's gradebook, and pack the pages by the names of what was downloaded."""
    sheet = read_sheet(gradebook)
    marks = request.awards()
    try:
        filling, columns = canvas.fill(
            sheet, marks, assignment, request.is_overwriting, request.is_scaled
        )
    except SheetError as error:
        raise SheetError(f"{gradebook}: {error}") from None
    filled, feedback = named(request, gradebook), request.to / FEEDBACK_NAME
    write_file(filled, sheet.content(columns))
    unnamed: list[str] = []
    pages = Pages(request.store, request.disclosure, marks)
    write_zip(feedback, for_canvas(pages, unnamed))
    if unnamed:
        filling.notes.append(
            f"{len(unnamed)} have no page in {FEEDBACK_NAME}: nothing tells the name that Canvas "
            "gave to a file of theirs"
        )
    return Exported(filling, [filled, feedback])


def to_gradescope(request: Request) -> Exported:
    """Pack all results as an autograder of Gradescope's."""
    marks, path = request.awards(), request.to / "gradescope.zip"
    write_zip(path, gradescope.archive(marks, request.store, request.disclosure))
    filling = told(marks)
    for award in gradescope.unknown(marks.given):
        filling.filled.remove(title(award))
        filling.absent.append(f"{title(award)} has no address")
    return Exported(filling, [path])


def to_csv(request: Request) -> Exported:
    """Write all marks as one table."""
    marks, path = request.awards(), request.to / "marks.csv"
    write_file(path, table.table(marks))
    return Exported(told(marks), [path])


def told(marks: Awards) -> Filling:
    """Return what became of marks where there is no table to be filled in."""
    filling = Filling(marks.what, marks.total)
    for award in marks.all:
        if award.points is not None:
            filling.filled.append(title(award))
            filling.notes += [f"{title(award)}: {award.why}"] if award.why else []
        elif award.counted is None:
            filling.nothing.append(title(award))
        else:
            filling.open.append(f"{title(award)}: {award.why}")
    return filling


def named(request: Request, original: Path) -> Path:
    """Return where a table goes that was filled in: never where it came from."""
    path = request.to / original.name
    if path.resolve() == original.resolve():
        raise SheetError(f"{original} would be overwritten: name another folder with --to")
    return path


@dataclass(frozen=True)
class InGradebook:
    """What became of the gradebook ``database``, whose URL holds no password."""

    database: str
    written: Written
    is_config_ours: bool


def to_nbgrader(course: Course, on_written: Callable[[int], None]) -> InGradebook:
    """Write all grades into the gradebook, and what formgrader wants to see beside it."""
    cells, store, deadline = cells_of(course), Store(course.grades), course.settings.deadline

    def everybody() -> Iterator[Standing]:
        for standing in standings(course, store):
            folders.write_folders(course, standing, cells)
            yield standing

    with opened(course) as gradebook:
        layout = lay_out(gradebook, cells, deadline)
        folders.write_source(course)
        written = write(gradebook, layout, everybody(), deadline, on_written)
    shown = url_of(course).render_as_string(hide_password=True)
    return InGradebook(shown, written, folders.write_config(course.folder))
