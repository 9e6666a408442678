"""The class list, as people and programs save it."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.roster import Row, read_roster
from autograder.course.settings import CourseError


def rows(folder: Path, content: str | bytes) -> tuple[Row, ...]:
    path = folder / "students.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_roster(path).rows


def refusal(folder: Path, content: str) -> str:
    with pytest.raises(CourseError) as caught:
        rows(folder, content)
    return str(caught.value).removeprefix(f"{folder}/students.csv:")


PLAIN = 'Student ID,Name,E-Mail,Login,Section,Group\n0012(a),"Lovelace, Ada",a@x.org,ada,B,7\n'
ADA = Row(
    "0012(a)",
    {"id": "0012(a)", "login": "ada", "email": "a@x.org"},
    "Lovelace, Ada",
    "B",
    "7",
    2,
)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n").encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", ";").replace("Lovelace;", "Lovelace,"),
        PLAIN.replace(",", "\t").replace("Lovelace\t", "Lovelace,"),
        PLAIN.replace("0012(a)", '"=""0012(a)"""'),
        f"{PLAIN},,,,,\n\n",
    ],
)
def test_however_it_was_saved_it_says_the_same(content: str | bytes, tmp_path: Path) -> None:
    assert rows(tmp_path, content) == (ADA,)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("id,name\n1,Zo\u00eb\n".encode("cp1252"), "Zo\u00eb"),
        ("\u5b78\u865f,\u59d3\u540d\n1,\u738b\u5c0f\u660e\n".encode("cp950"), "\u738b\u5c0f\u660e"),
        (
            "\u5b66\u53f7,\u59d3\u540d\n1,\u738b\u5c0f\u660e\n".encode("gb18030"),
            "\u738b\u5c0f\u660e",
        ),
        (b"id,last name,first name\n1,Lovelace,Ada\n", "Ada Lovelace"),
    ],
)
def test_names_are_read_as_they_were_written(content: bytes, name: str, tmp_path: Path) -> None:
    assert rows(tmp_path, content) == (Row("1", {"id": "1"}, name, line=2),)


CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Lab 3 (55)
    Points Possible,,,,,100
"Lovelace, Ada",4711,0012,ada,CS1,
"Student, Test",99,,,CS1,
"""


def test_exports_of_lmss_serve_as_class_lists(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, CANVAS)
    assert (row.id, row.ids) == ("0012", {"canvas": "4711", "id": "0012", "login": "ada"})
    (row,) = rows(tmp_path, "Identifier,Full name,Email address\nParticipant 65,Ada,a@x.org\n")
    assert (row.id, row.ids) == ("moodle:65", {"moodle": "65", "email": "a@x.org"})
    roster = "username,first_name,last_name,email,section,github_id,role\n"
    people = f"{roster}octo,Ada,L,a@x.org,,55,student\nprof,P,P,p@x.org,,56,instructor\n"
    (row,) = rows(tmp_path, people)
    assert (row.id, row.ids) == ("github:octo", {"github": "octo", "email": "a@x.org"})
    (row,) = rows(tmp_path, "OrgDefinedId,Username,End-of-Line Indicator\n#0012,#ada,#\n")
    assert row.ids == {"id": "0012", "login": "#ada"}


def test_capital_letters_mean_nothing_to_mail_and_github(tmp_path: Path) -> None:
    path = tmp_path / "students.csv"
    path.write_text(f"id,email,github,notes\n1,A@x.org,OctoCat,{'x' * 200_000}\n")
    roster = read_roster(path)
    assert roster.find("email", "a@X.org") == roster.find("github", "octocat") == roster.rows[0]
    assert roster.find("id", "2") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id\n7\n8\n7\n", " lines 2 and 4 have the same id, '7': leave one of them out"),
        ("id,email\n7,A@x\n8,a@x\n", " lines 2 and 3 have the same email, 'a@x'"),
        ("id,login\n7,\n,7\n", " lines 2 and 3 have the same student, '7'"),
        ("who,what\n7,8\n", "1: no column has ids: the first line needs one called id, login or"),
        ("\n", "1: no column has ids"),
        ("id,name\n7,Ada\n,Bob\n", "3: this student has no id: fill it in"),
    ],
)
def test_what_is_not_clear_is_told_with_its_line(content: str, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, content).startswith(said)


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip)
CANVASS_OWN = ("Points Possible", "Student, Test")  # rows of its gradebook
IDS = CELLS.filter(lambda text: text and text[0] not in "#=" and text not in CANVASS_OWN)


@given(st.lists(st.tuples(IDS, CELLS), unique_by=lambda row: row[0]), st.sampled_from(",;\t"))
def test_any_ids_and_names_come_back(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, str]], delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([("id", "name"), *people])
    found = rows(tmp_path_factory.getbasetemp(), text.getvalue())
    assert [(row.id, row.name) for row in found] == people
