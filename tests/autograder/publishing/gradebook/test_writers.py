"""Several writers at once, writers that are killed, and databases that can't be written."""

import os
import re
import signal
import time
import traceback
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.publishing.cells import cells_of
from autograder.publishing.exporting import to_nbgrader
from autograder.publishing.gradebook import opening
from autograder.publishing.gradebook.opening import GradebookError, database_of, opened
from tests.autograder.publishing.gradebook.conftest import Make, dumped, exported
from tests.making import databases, published
from tests.making.alarms import no_longer_than
from tests.making.classes import DUE
from tests.making.published import LATE, Pupil

PASSWORD = "s3cret"


def forked(work: Callable[[], object]) -> int:
    """Do something in a process of its own, which has imported all; return its number."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def code_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def require_whole(course: Course) -> None:
    """Every submission has all of its rows, and nothing is there without one."""
    tables, cells = dumped(course), cells_of(course)
    count = len(tables["submitted_assignment"])
    assert len(tables["submitted_notebook"]) == 2 * count
    assert len(tables["grade"]) == (len(cells.checks) + 1 + len(cells.sections)) * count
    assert len(tables["comment"]) == len(cells.sections) * count
    scores = [row for row in tables["grade"] if row[3] is not None]
    undecided = len(tables["grade"]) - len(scores) - len(cells.sections) * count
    assert 0 <= undecided <= count  # of a check each, where a grader failed


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_each_student_whole(
    course_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbgrader.api  # noqa: F401  for the process that is forked

    monkeypatch.setattr("autograder.publishing.gradebook.writing.AT_ONCE", 2)
    pupils = published.mixed(60)
    course, killed_at = course_of(pupils), []
    with no_longer_than(120):
        for wanted in (3, 12, 25):
            pid = forked(lambda: to_nbgrader(course, lambda _: time.sleep(0.1)))
            while submissions(course) < wanted:
                assert os.waitpid(pid, os.WNOHANG) == (0, 0)
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
            assert code_of(pid) == -signal.SIGKILL
            require_whole(course)
            killed_at.append(submissions(course))
        exported(course)
    assert killed_at[-1] < submissions(course) == len([p for p in pupils if p.grade()])
    whole = databases.nameless(dumped(course))
    exported(course)
    assert databases.nameless(dumped(course)) == whole


def submissions(course: Course) -> int:
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    with create_engine(database_of(course.folder), poolclass=NullPool).connect() as connection:
        return int(
            connection.execute(text("SELECT count(*) FROM submitted_assignment")).scalar_one()
        )


def test_two_writers_at_once_write_everybody_once(course_of: Make) -> None:
    import nbgrader.api  # noqa: F401

    pupils = published.mixed(40)
    course = course_of(pupils)
    with no_longer_than(120):
        pids = [forked(lambda: exported(course)) for _ in range(2)]
        assert [code_of(pid) for pid in pids] == [0, 0]
    require_whole(course)
    assert submissions(course) == len([p for p in pupils if p.grade()])
    before = dumped(course)
    assert exported(course).changed == []
    assert dumped(course) == before


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_may_make_the_gradebook_at_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = DUE + LATE
    if kind == "postgresql":
        url = databases.create(request.getfixturevalue("postgresql"), "made-twice")
        settings = f'gradebook = "{url}"\n{settings}'
    course = published.write(tmp_path / "course", published.mixed(10), settings)
    pids = [forked(lambda: exported(course)) for _ in range(3)]
    assert [code_of(pid) for pid in pids] == [0, 0, 0]
    tables = dumped(course)
    assert len(tables["alembic_version"]) == len(tables["assignment"]) == 1
    require_whole(course)


def test_it_takes_one_connection(postgresql: str, tmp_path: Path) -> None:
    import psycopg2

    url = databases.create(postgresql, "counted", "empty")
    settings = f'gradebook = "{url}"\n{DUE}'
    course = published.write(tmp_path / "course", [Pupil(n) for n in range(45)], settings)
    seen = []

    def count(_: int) -> None:
        with psycopg2.connect(url.replace("+psycopg2", "")) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = 'counted'")
            seen.append(cursor.fetchone()[0] - 1)
        connection.close()

    to_nbgrader(course, count)
    assert seen == [1, 1]


@pytest.mark.slow
def test_tables_that_a_killed_process_left_are_completed(tmp_path: Path, empty_file: Path) -> None:
    from sqlalchemy import create_engine, text

    course = published.write(tmp_path / "course", [Pupil(0)])
    (course.folder / "gradebook.db").write_bytes(empty_file.read_bytes())
    whole = dumped(course)
    with create_engine(database_of(course.folder)).begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with opened(course):
        pass
    assert dumped(course) == whole


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (
            f"postgresql+psycopg2://lab3:{PASSWORD}@127.0.0.1:1/marks",
            r"lab3:\*\*\*@127.0.0.1:1/marks: .*see that the server runs",
        ),
        ("postgres://lab3@127.0.0.1/marks", r"no such kind of database.*postgresql\+psycopg2"),
        ("mysql+nothere://lab3@127.0.0.1/marks", "no such kind of database"),
        ("post gres://", "is no URL of a database"),
        ("marks.db", "file is not a database: move it away"),
    ],
)
def test_what_can_not_be_opened_is_told_without_the_password(
    tmp_path: Path, named: str, said: str
) -> None:
    databases.require_postgresql()
    course = published.write(tmp_path / "course", [Pupil(0)], f'gradebook = "{named}"\n')
    (course.folder / "marks.db").write_text("no database" * 100)
    with pytest.raises(GradebookError) as caught:
        exported(course)
    assert re.search(said, str(caught.value)), str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ({"sqlalchemy": "2.0.1"}, r"needs nbgrader: pip install 'lab3-kit\[course\]'"),
        ({"nbgrader": "0.9.6"}, r"needs sqlalchemy: pip install 'lab3-kit\[course\]'"),
        ({"nbgrader": "0.9.6", "sqlalchemy": "3.0.0b1"}, "pip install 'sqlalchemy<3'"),
    ],
)
def test_what_is_not_installed_is_named(
    tmp_path: Path, installed: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(opening, "version", version)
    course = published.write(tmp_path / "course", [Pupil(0)])
    with pytest.raises(GradebookError, match=said):
        exported(course)


def test_a_driver_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg2", None)
    settings = 'gradebook = "postgresql+psycopg2://lab3@127.0.0.1:1/marks"\n'
    course = published.write(tmp_path / "course", [Pupil(0)], settings)
    with pytest.raises(GradebookError, match=r"needs psycopg2: pip install 'lab3-kit\[postgresql"):
        exported(course)
