"""The course folder, and who is who in it."""

from pathlib import Path

import pytest

from autograder.course.folder import Course, init
from autograder.course.index import Index, Student, read_index, write_index
from autograder.course.linking import linked
from autograder.course.roster import read_roster
from autograder.course.settings import CourseError
from tests.making.classes import DUE, attempt, collected, index, write_course
from tests.making.submissions import BOTH, as_folder


def refusal(course: Course) -> str:
    with pytest.raises(CourseError) as caught:
        course.counted()
    return str(caught.value).removeprefix(f"{course.folder}/course.toml:")


def test_it_is_found_from_any_folder_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init(tmp_path / "course")
    inner = tmp_path / "course" / "grades" / "ada"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    course = Course.find()
    assert course.folder == tmp_path / "course"
    assert course.index() == Index()
    assert (course.counted(), course.missing(), course.key()) == ([], [], None)
    with pytest.raises(CourseError, match="is in no course folder: stand in one, or make one"):
        Course.find(tmp_path)


def test_no_submission_is_a_course(tmp_path: Path) -> None:
    ada = as_folder({f"lab3/{name}": text for name, text in BOTH.items()}, tmp_path / "ada")
    for place in (ada, ada / "runs"):
        place.mkdir(exist_ok=True)
        (place / "course.toml").write_text("")
        with pytest.raises(CourseError, match="ada, which is a submission"):
            Course.find(place)


def test_a_key_has_to_be_random(tmp_path: Path) -> None:
    course = write_course(tmp_path, 'key = "key.txt"', key_txt="0123456789abcdef" * 2 + "\n")
    assert course.key() == "0123456789abcdef" * 2
    course_toml = '[deadline]\ndue = 2026-11-30\nkey = "key.txt"\n'
    for text in ("", "aaaa", "a" * 32, "geheim\u00e4", course_toml):
        (tmp_path / "key.txt").write_text(text)
        with pytest.raises(CourseError, match=r"toml:1: key: .*holds 128 random bits") as caught:
            course.key()
        assert not text or text not in str(caught.value)
    (tmp_path / "key.txt").unlink()
    with pytest.raises(CourseError, match=r"toml:1: key: .* can't be read"):
        course.key()


def test_a_class_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    said = refusal(write_course(tmp_path, '\nstudents = "none.csv"'))
    assert said == f"2: students: {tmp_path}/none.csv can't be read: No such file or directory"


def test_settings_about_nobody_are_refused(tmp_path: Path) -> None:
    students = "id,login\n0012,ada\n0013,bob\n"
    text = f'students = "students.csv"\n{DUE}[extensions]\n'
    later = "2026-12-09T00:00:00Z"
    course = write_course(tmp_path, f"{text}adda = {later}", students_csv=students)
    collected(course, attempt("a1", "0012"))
    assert refusal(course) == "4: extensions.adda: there is no such student: did you mean 'ada'?"
    write_course(tmp_path, f"{text}bob = {later}").counted()  # who may still hand in
    choice = '[choices]\nada = {{attempt = "{}", reason = "r"}}'
    course = write_course(tmp_path, text + choice.format("a2"))
    assert refusal(course).endswith("choices.ada: this student has no attempt 'a2': there are a1")
    (one,) = write_course(tmp_path, text + choice.format("a1")).counted()
    assert one.why.startswith("chosen by staff: r")


def test_who_handed_in_nothing_is_missing(tmp_path: Path) -> None:
    students = "id\nada\nbob\nta1\n"
    course = write_course(
        tmp_path, 'students = "students.csv"\nstaff = ["ta1"]', students_csv=students
    )
    collected(course, attempt("a1", "ada"))
    assert [row.id for row in course.missing()] == ["bob"]


def test_ids_of_lmss_are_told_apart_until_the_class_list_links_them(tmp_path: Path) -> None:
    found = index(
        attempt("m", "moodle:12"),
        attempt("c", "canvas:12"),
        attempt("d", "canvas:13"),
        **{
            "moodle:12": Student(id="moodle:12", ids={"moodle": "12", "email": "A@x.org"}),
            "canvas:12": Student(id="canvas:12", ids={"canvas": "12"}, name="Ada L"),
            "canvas:13": Student(id="canvas:13", ids={"canvas": "13"}, name="Ada Lovelace"),
        },
    )
    assert linked(found, read_roster(written(tmp_path, "id,name\n12,Ada L\n"))) == found
    roster = read_roster(written(tmp_path, "id,name,email,canvas\n0012,Ada,a@x.org,12\n"))
    merged = linked(found, roster)
    assert {(a.id, a.students) for a in merged.attempts} == {
        ("m", ("0012",)),
        ("c", ("0012",)),
        ("d", ("canvas:13",)),
    }
    assert merged.students[0].ids == {
        "id": "0012",
        "canvas": "12",
        "email": "a@x.org",
        "moodle": "12",
    }


def written(folder: Path, text: str) -> Path:
    (folder / "students.csv").write_text(text)
    return folder / "students.csv"


def test_a_groups_attempt_is_that_of_all_its_members(tmp_path: Path) -> None:
    roster = read_roster(written(tmp_path, "id,group\n1,Red\n2,Red\n3,Blue\n4,\n"))
    team = Student(id="moodle:77", ids={"moodle": "77"}, name="Red")
    found = index(attempt("g", "moodle:77"), attempt("h", "3"), **{"moodle:77": team})
    assert [a.students for a in linked(found, roster).attempts] == [("3",), ("moodle:77",)]
    both = linked(found, roster, has_groups=True)
    assert [a.students for a in both.attempts] == [("1", "2"), ("3",)]
    one = index(attempt("g", "2"), attempt("x", "4"))
    assert [a.students for a in linked(one, roster, has_groups=True).attempts] == [
        ("1", "2"),
        ("4",),
    ]


def test_nobody_becomes_a_group_by_its_name(tmp_path: Path) -> None:
    roster = read_roster(written(tmp_path, "id,group\n1,Red\n2,Red\n"))
    named = {
        name: Student(id=name, ids={"moodle": name[-2:]}, name="Red")
        for name in ("moodle:77", "moodle:99")
    }
    found = index(attempt("g", "moodle:77"), attempt("h", "moodle:99"), **named)
    students = [a.students for a in linked(found, roster, has_groups=True).attempts]
    assert students == [("moodle:77",), ("moodle:99",)]


def test_an_index_is_private_in_order_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "submissions" / "index.json"
    found = index(attempt("b", "z", late_h=1), attempt("a", "\u738b", "[0012]"))
    write_index(path, found.model_copy(update={"students": found.students[::-1]}))
    assert read_index(path) == found
    assert path.stat().st_mode & 0o777 == 0o600
    for text in ("{", '{"version": 2}', '{"version": 1, "x": 3}'):
        path.write_text(text)
        with pytest.raises(CourseError, match="is no index that this kit can read"):
            read_index(path)
