"""A student is found by whatever staff calls them."""

from pathlib import Path

import pytest

from autograder.course.counting import counted
from autograder.course.finding import find
from autograder.course.index import Student
from autograder.course.settings import Settings
from tests.making.classes import attempt, index

ADA = Student(
    id="moodle:7",
    name="Ada Lovelace",
    email="ada@x.org",
    ids={"moodle": "7", "login": "al815", "id": "0042"},
)
SECOND = Student(id="canvas:7", name="Ada Zuse", ids={"canvas": "7"})
PLAIN = Student(id="bob", ids={"id": "bob"})
EVERYBODY = counted(
    Settings(),
    index(
        *(attempt(str(n), one.id, late_h=-1) for n, one in enumerate((ADA, SECOND, PLAIN))),
        **{one.id: one for one in (ADA, SECOND, PLAIN)},
    ),
    Path("/submissions"),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("moodle:7", ["moodle:7"]),
        ("moodle-7", ["moodle:7"]),  # the folder
        ("0042", ["moodle:7"]),
        ("AL815", ["moodle:7"]),
        ("ada@x.org", ["moodle:7"]),
        ("ada lovelace", ["moodle:7"]),
        ("love", ["moodle:7"]),
        ("7", ["canvas:7", "moodle:7"]),
        ("Ada", ["canvas:7", "moodle:7"]),
        ("bo", ["bob"]),
        ("42", []),
        ("eve", []),
    ],
)
def test_whom_a_name_means(name: str, found: list[str]) -> None:
    assert [one.student.id for one in find(EVERYBODY, name)] == found
