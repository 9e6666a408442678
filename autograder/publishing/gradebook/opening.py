"""Opening a gradebook: which database it is, and one writer after the other."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.course.folder import Course
from autograder.plain_text import one_line
from lab3.errors import LabError

if TYPE_CHECKING:
    from nbgrader.api import Gradebook
    from sqlalchemy import URL, Connection, Engine

FILE_NAME, LOCK_NAME = "gradebook.db", ".gradebook.lock"
WAIT_S = 120  # for another writer
KEY = 0x6C616233  # of PostgreSQL's advisory lock: any number that others don't take
INSTALL = "pip install 'lab3-kit[course]'"


class GradebookError(LabError):
    """The gradebook can't be used; the text says why and what to do."""


def require_nbgrader() -> None:
    """Raise GradebookError unless nbgrader is here, with an SQLAlchemy that it knows."""
    try:
        major = int(version("sqlalchemy").split(".")[0])
        version("nbgrader")
    except PackageNotFoundError as error:
        raise GradebookError(f"a gradebook needs {error.name}: {INSTALL}") from None
    if major != 2:
        raise GradebookError(
            f"nbgrader needs SQLAlchemy 2, and {version('sqlalchemy')} is installed: "
            "pip install 'sqlalchemy<3'"
        )


def url_of(course: Course) -> "URL":
    """Return where a course's gradebook is; a relative file lies in the course folder."""
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    named = course.settings.gradebook
    if named is None or "://" not in named:
        return URL.create("sqlite", database=str(course.folder / (named or FILE_NAME)))
    try:
        url = make_url(named)
    except ArgumentError:
        raise GradebookError(
            "gradebook in course.toml is no URL of a database: write one such as "
            "postgresql+psycopg2://USER:PASSWORD@HOST/NAME"
        ) from None
    if is_file(url):
        return url.set(database=str(course.folder / (url.database or FILE_NAME)))
    return url


def is_file(url: "URL") -> bool:
    return url.get_backend_name() == "sqlite"


def has_gradebook(course: Course) -> bool:
    """Tell whether a course has a gradebook: a file, or a server that its settings name."""
    named = course.settings.gradebook or FILE_NAME
    if "://" not in named:
        return (course.folder / named).is_file()
    require_nbgrader()
    url = url_of(course)
    return not is_file(url) or Path(str(url.database)).is_file()


@contextmanager
def opened(course: Course) -> Iterator["Gradebook"]:
    """Open a course's gradebook, which is made where there is none, for one connection.

    Each transaction of a writer waits until no other one writes.
    """
    require_nbgrader()
    url = url_of(course)
    with told(url):
        with locked(url, course.folder):
            gradebook = connect(url)
        try:
            write_alone(gradebook.engine, url)
            yield gradebook
        finally:
            gradebook.close()


def connect(url: "URL") -> "Gradebook":
    """Return nbgrader's gradebook; what a killed process left of its tables is completed."""
    from nbgrader import api
    from sqlalchemy import inspect, text

    with own_programs():
        gradebook = api.Gradebook(url.render_as_string(hide_password=False))
        if not inspect(gradebook.engine).has_table("alembic_version"):
            number = api.get_alembic_version()
            make = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"
            gradebook.db.execute(text(make))
            gradebook.db.execute(text("INSERT INTO alembic_version VALUES (:n)"), {"n": number})
            gradebook.db.commit()
    gradebook.db.remove()
    gradebook.engine.dispose()
    return gradebook


@contextmanager
def own_programs() -> Iterator[None]:
    """Let nbgrader find alembic, which it runs as a program."""
    before = os.environ.get("PATH")
    parts = [str(Path(sys.executable).parent), *([before] if before else [])]
    os.environ["PATH"] = os.pathsep.join(parts)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before


@contextmanager
def locked(url: "URL", folder: Path) -> Iterator[None]:
    """Wait until nobody else opens the gradebook: two would make its tables at once."""
    if is_file(url):
        with (folder / LOCK_NAME).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    if url.get_backend_name() != "postgresql":
        yield
        return
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": KEY})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": KEY})


def write_alone(engine: "Engine", url: "URL") -> None:
    """Let each transaction begin with the right to write, which only one has at a time.

    SQLite would else let two read, and refuse both to write.
    """
    from sqlalchemy import event

    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy begins, not Python's module
        connection.execute(f"PRAGMA busy_timeout = {1000 * WAIT_S}")

    def on_begin(connection: "Connection") -> None:
        if is_file(url):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({KEY})")

    if is_file(url):
        event.listen(engine, "connect", on_connect)
    if is_file(url) or url.get_backend_name() == "postgresql":
        event.listen(engine, "begin", on_begin)


@contextmanager
def told(url: "URL") -> Iterator[None]:
    """Turn what databases complain of into a sentence, without the password."""
    from nbgrader.api import InvalidEntry
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    shown = url.render_as_string(hide_password=True)
    try:
        yield
    except NoSuchModuleError:
        raise GradebookError(
            f"{shown}: there is no such kind of database: write one such as "
            "postgresql+psycopg2://USER:PASSWORD@HOST/NAME"
        ) from None
    except ModuleNotFoundError as error:
        raise GradebookError(
            f"{shown} needs {error.name}: pip install 'lab3-kit[postgresql]'"
        ) from None
    except (SQLAlchemyError, InvalidEntry) as error:
        first = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        if url.password is not None:
            first = first.replace(str(url.password), "***")
        remedy = (
            "close what holds it, and try again"
            if "locked" in first
            else ("see that the server runs, and that gradebook in course.toml is right")
        )
        if is_file(url) and "locked" not in first:
            remedy = "move it away, and export again, if it is no gradebook"
        raise GradebookError(f"{shown}: {one_line(first)}: {remedy}") from None


def database_of(folder: Path) -> str:
    """Return the whole URL of the gradebook of a course folder, for nbgrader's configuration."""
    return url_of(Course.find(folder)).render_as_string(hide_password=False)
