"""Courses with gradebooks of both kinds."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.publishing.exporting import to_nbgrader
from autograder.publishing.gradebook.opening import database_of, opened
from autograder.publishing.gradebook.writing import Written
from tests.making import databases, published
from tests.making.classes import DUE
from tests.making.published import LATE, Pupil
from tests.making.sharing import made_once

EMPTY = "empty"
Make = Callable[..., Course]


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradebook in which nothing is, made once: nbgrader takes seconds to make one."""

    def make(folder: Path) -> None:
        course = published.write(folder / "course", [])
        with opened(course):
            pass

    return made_once(tmp_path_factory, "gradebook", make) / "course" / "gradebook.db"


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server's databases, one of which is a gradebook in which nothing is."""
    folder = tmp_path_factory.mktemp("postgresql")
    with databases.server() as url:
        settings = f'gradebook = "{databases.create(url, EMPTY)}"\n'
        with opened(published.write(folder / "course", [], settings)):
            pass
        yield url


SERVER = pytest.param("postgresql", marks=pytest.mark.slow)


@pytest.fixture(params=["sqlite", SERVER])
def course_of(request: pytest.FixtureRequest, tmp_path: Path, empty_file: Path) -> Make:
    """Makes a course with an empty gradebook of each kind."""
    return maker(request, tmp_path, empty_file)


@pytest.fixture(params=["sqlite", "postgresql"])
def course_of_both(request: pytest.FixtureRequest, tmp_path: Path, empty_file: Path) -> Make:
    """The same, for what is tried on the server each time."""
    return maker(request, tmp_path, empty_file)


def maker(request: pytest.FixtureRequest, tmp_path: Path, empty_file: Path) -> Make:
    def make(pupils: list[Pupil], settings: str = DUE + LATE, missing: int = 0) -> Course:
        folder = tmp_path / "course"
        if request.param == "sqlite":
            folder.mkdir()
            (folder / "gradebook.db").write_bytes(empty_file.read_bytes())
        else:
            url = databases.create(request.getfixturevalue("postgresql"), uuid.uuid4().hex, EMPTY)
            settings = f'gradebook = "{url}"\n{settings}'
        return published.write(folder, pupils, settings, missing)

    return make


def exported(course: Course) -> Written:
    """Write the gradebook of a course, by the settings that it has now."""
    return to_nbgrader(Course.find(course.folder), lambda _: None).written


def dumped(course: Course) -> dict[str, list[tuple[object, ...]]]:
    return databases.dump(database_of(course.folder))
