"""Collecting a class: every attempt once, again and again, whatever happens in between."""

import hashlib
import itertools
import json
import os
import signal
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from autograder.collecting import collection
from autograder.collecting.collection import FromSource, Request, collect
from autograder.collecting.storing import open_store
from autograder.course.folder import Course
from autograder.course.index import Attempt
from autograder.course.settings import CourseError
from autograder.course.summary import summary
from autograder.submissions import archives
from autograder.submissions.lms import listing
from autograder.submissions.lms.listing import Hashed, SourceError
from tests.making.classes import COLLECTED, DEADLINE, DUE, write_course
from tests.making.exports import HandedIn, write
from tests.making.exports.hazards import Raw, plain_zip, raw_zip
from tests.making.submissions import PLAIN, as_folder, tar_of

EARLY, LATE = DEADLINE - timedelta(hours=3), DEADLINE + timedelta(hours=3)
UTC_CLOCK = f'{DUE}timezone = "UTC"\n'


def work(text: str) -> dict[str, bytes]:
    """An archive that nobody else hands in."""
    return {"lab3.zip": plain_zip({**PLAIN, "report.md": text.encode()})}


ADA = HandedIn("7", work("ada"), "Ada", email="a@x.org", received=EARLY)
BOB = HandedIn("8", work("bob"), "Bob", email="b@x.org", received=LATE)
EVE = HandedIn("9", {"lab3.zip": b""}, "Eve", email="e@x.org", received=EARLY)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course", UTC_CLOCK)


def take(course: Course, *sources: Path, now: datetime = COLLECTED, **request: Any) -> FromSource:
    """Collect from sources; return what the first one gave."""
    return collect(course, Request(sources, **request), now=now)[0]


def attempts(course: Course) -> dict[str, Attempt]:
    """The one attempt of each student."""
    return {attempt.students[0]: attempt for attempt in course.index().attempts}


def state(course: Course) -> dict[str, bytes]:
    """Everything below submissions/ with its bytes."""
    files = (path for path in course.submissions.rglob("*") if path.is_file())
    return {str(path.relative_to(course.submissions)): path.read_bytes() for path in files}


def test_a_class_is_collected_with_names_and_times(course: Course, tmp_path: Path) -> None:
    export = write("moodle", tmp_path / "CS101-Lab3-4711.zip", [ADA, BOB, EVE])
    sheet = write("moodle-worksheet", tmp_path / "Grades.csv", [ADA, BOB, EVE])
    result = take(course, export, sheet)
    assert (result.kind, result.new, result.known, result.left) == ("moodle", 3, 0, ())
    ada, bob, eve = course.counted()
    assert (ada.student.name, ada.student.email, ada.is_late) == ("Ada", "a@x.org", False)
    assert ada.path is not None
    assert ada.path.read_bytes() == ADA.files["lab3.zip"]
    assert bob.late_by == timedelta(hours=3)
    assert eve.path is None
    assert (eve.problem or "").startswith("lab3.zip is empty (0 bytes)")
    attempt = attempts(course)["moodle:7"]
    assert (attempt.handed_in_as, attempt.source.name) == ("lab3.zip", export.name)
    assert attempt.source.sha256 == digest(export)
    modes = {oct(p.stat().st_mode & 0o777) for p in course.submissions.rglob("*") if p.is_file()}
    assert modes <= {"0o600", "0o644"}
    assert course.submissions.stat().st_mode & 0o777 == 0o700


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that will name every file whose bytes are read out of a .zip."""
    names: list[str] = []
    before = archives.from_zip

    def counted(file: Any, info: zipfile.ZipInfo, *rest: Any) -> Any:
        chunks = before(file, info, *rest)

        def read() -> Any:
            names.append(info.filename)
            return chunks()

        return read

    monkeypatch.setattr("autograder.submissions.lms.listing.from_zip", counted)
    return names


def test_again_reads_nothing_and_changes_nothing(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write("moodle", tmp_path / "export.zip", [ADA, BOB])
    take(course, export)
    before = state(course)
    read = count_reads(monkeypatch)
    result = take(course, export, now=COLLECTED + timedelta(days=1))
    assert (result.new, result.known, result.unread) == (0, 2, 2)
    assert read == []
    assert state(course) == before


def test_another_export_with_one_changed_student_adds_one_attempt(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(course, write("moodle", tmp_path / "old.zip", [ADA, BOB]))
    again = HandedIn("7", work("ada again"), "Ada")
    read = count_reads(monkeypatch)
    later = COLLECTED + timedelta(days=1)
    result = take(course, write("moodle", tmp_path / "new.zip", [again, BOB]), now=later)
    assert (result.new, result.known) == (1, 1)
    assert {name.split("_")[1] for name in read} == {"7"}
    ada = course.counted()[0]
    assert ada.path is not None
    assert ada.path.read_bytes() == again.files["lab3.zip"]
    assert len(course.index().attempts) == 3


def test_what_is_handed_in_once_more_is_not_taken_for_older(course: Course, tmp_path: Path) -> None:
    other, days = HandedIn("7", work("other"), "Ada"), [timedelta(days=n) for n in range(5)]
    first = write("moodle", tmp_path / "1.zip", [ADA, BOB])
    take(course, first)
    take(course, write("moodle", tmp_path / "2.zip", [other, BOB]), now=COLLECTED + days[1])
    os.utime(first, (1, 1))  # an old download, copied
    take(course, first, now=COLLECTED + days[2])
    assert "of the attempts" not in course.counted()[0].asks_staff
    assert take(course, write("moodle", tmp_path / "3.zip", [ADA]), now=COLLECTED + days[3]).known
    (ada, _) = course.counted()
    assert "nothing tells which of the attempts" in ada.asks_staff
    newest = HandedIn("7", work("newest"), "Ada")
    take(course, write("moodle", tmp_path / "4.zip", [newest, BOB]), now=COLLECTED + days[4])
    (ada, _) = course.counted()
    assert "of the attempts" not in ada.asks_staff
    assert ada.path
    assert ada.path.read_bytes() == newest.files["lab3.zip"]


def test_equal_contents_are_kept_once(course: Course, tmp_path: Path) -> None:
    copied = HandedIn("8", ADA.files, "Bob")
    take(course, write("moodle", tmp_path / "export.zip", [ADA, copied]))
    assert len(list((course.submissions / "attempts").iterdir())) == 1
    assert len({attempt.id for attempt in course.index().attempts}) == 2


def test_a_worksheet_may_come_later_and_dates_only_the_newest(
    course: Course, tmp_path: Path
) -> None:
    take(course, write("moodle", tmp_path / "export.zip", [ADA, BOB]))
    assert [one.asks_staff for one in course.counted()] == [
        "nothing tells when it was handed in"
    ] * 2
    sheet = write("moodle-worksheet", tmp_path / "Grades.csv", [ADA, BOB])
    result = take(course, sheet)
    assert (result.kind, result.new) == ("moodle-worksheet", 0)
    assert [one.is_late for one in course.counted()] == [False, True]
    again = HandedIn("7", work("ada again"), "Ada")
    later = COLLECTED + timedelta(days=1)
    take(course, write("moodle", tmp_path / "new.zip", [again]), sheet, now=later)
    times = [attempt.received for attempt in course.index().of("moodle:7")]
    assert times == [EARLY, None]  # the worksheet is older than the second attempt


def test_a_worksheet_that_comes_first_says_what_to_do(course: Course, tmp_path: Path) -> None:
    sheet = write("moodle-worksheet", tmp_path / "Grades.csv", [ADA])
    (note,) = take(course, sheet).notes
    assert note.startswith("nobody of whom it tells has handed in: collect it together with")
    take(course, write("moodle", tmp_path / "export.zip", [ADA]), sheet)
    assert take(course, sheet).notes == ()
    assert attempts(course)["moodle:7"].received == EARLY


def test_an_old_worksheet_dates_nothing_newer_than_itself(course: Course, tmp_path: Path) -> None:
    sheet = write("moodle-worksheet", tmp_path / "Grades.csv", [ADA])
    take(course, write("moodle", tmp_path / "export.zip", [ADA]))
    again = HandedIn("7", work("ada again"), "Ada")
    later = COLLECTED + timedelta(days=1)
    take(course, write("moodle", tmp_path / "new.zip", [again]), sheet, now=later)
    assert [attempt.received for attempt in course.index().of("moodle:7")] == [None, None]
    newer = HandedIn("7", received=COLLECTED + timedelta(hours=1))
    take(course, write("moodle-worksheet", tmp_path / "Newer.csv", [newer]), now=later)
    times = [attempt.received for attempt in course.index().of("moodle:7")]
    assert times == [None, newer.received]


TEAMS = (
    "Identifier,Full name,Email address,Status,Group,Grade,Maximum grade,"
    "Grade can be changed,Last modified (submission),Last modified (grade)\n"
    'Participant 12,Ada,a@x.org,S,Red: Team,,100,Yes,"Tuesday, 1 December 2026, 11:00 PM",-\n'
    'Participant 13,Bob,b@x.org,S,,,100,Yes,"Tuesday, 1 December 2026, 10:00 PM",-\n'
)


def test_a_worksheet_of_teams_tells_their_times_and_its_numbers_are_nobodys(
    course: Course, tmp_path: Path
) -> None:
    teams = [HandedIn("13", work("red"), "Red: Team"), HandedIn("12", work("blue"), "Blue Team")]
    (tmp_path / "Grades.csv").write_text(TEAMS)
    take(course, write("moodle", tmp_path / "export.zip", teams), tmp_path / "Grades.csv")
    students = {one.id: (one.name, one.email) for one in course.index().students}
    assert students == {"moodle:12": ("Blue Team", ""), "moodle:13": ("Red Team", "")}
    times = {who: attempt.received for who, attempt in attempts(course).items()}
    assert times == {"moodle:12": None, "moodle:13": DEADLINE.replace(hour=23, minute=0)}


def test_an_hour_that_comes_twice_makes_no_attempt_twice(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", 'timezone = "Europe/Berlin"\n')
    name = "Lab 3_ada_attempt_2026-10-25-02-30-00_lab3.zip"
    source = as_folder({name: plain_zip(PLAIN)}, tmp_path / "downloaded")
    assert take(course, source).new == 1
    assert take(course, source).new == 0


def test_deadlines_may_change_and_nothing_is_collected_again(
    course: Course, tmp_path: Path
) -> None:
    take(
        course,
        write(
            "gradescope", tmp_path / "export.zip", [HandedIn("", work("x"), sid="1", received=LATE)]
        ),
    )
    assert course.counted()[0].is_late
    moved = write_course(course.folder, f"{DUE}[extensions]\n1 = 2026-12-09T00:00:00Z\n")
    assert not moved.counted()[0].is_late


def test_attempts_of_several_lmss_are_one_students_by_the_class_list(tmp_path: Path) -> None:
    course = write_course(
        tmp_path / "course",
        f'{UTC_CLOCK}students = "students.csv"\n',
        students_csv="id,canvas,email\n0012,4711,a@x.org\n0013,,\n",
    )
    take(course, write("canvas", tmp_path / "c.zip", [HandedIn("4711", work("1"), is_late=True)]))
    take(
        course,
        write("moodle", tmp_path / "m.zip", [ADA]),
        write("moodle-worksheet", tmp_path / "g.csv", [ADA]),
    )
    take(course, write("folders", tmp_path / "f", [HandedIn("0014", PLAIN)]))
    assert [one.student.id for one in course.counted()] == ["0012", "0014"]
    one = course.counted()[0]
    assert (one.attempt.lms, one.is_late) == ("moodle", False)
    result = summary(course)
    assert [row.id for row in result.missing] == ["0013"]
    assert [student.id for student in result.strangers] == ["0014"]


def test_of_older_submissions_in_gradescope_staff_is_told(course: Course, tmp_path: Path) -> None:
    ada = HandedIn("", work("late"), sid="1", received=LATE, older=(EARLY,))
    first = write("gradescope", tmp_path / "g.zip", [ada])
    take(course, first)
    (one,) = course.counted()
    assert one.is_late
    assert "was on time, and there are no files of it" in one.asks_staff
    assert take(course, first).known == 2
    older = HandedIn("", work("early"), sid="1", received=EARLY)
    assert take(course, write("gradescope", tmp_path / "o.zip", [older])).known == 1
    (one,) = course.counted()
    assert (one.is_late, one.asks_staff) == (False, "")
    assert len(course.index().attempts) == 2


def test_a_group_is_one_attempt_of_several_students(course: Course, tmp_path: Path) -> None:
    both = HandedIn("", work("x"), sid="1", members=(("2", "Bob"),), received=EARLY)
    take(course, write("gradescope", tmp_path / "g.zip", [both]))
    ada, bob = course.counted()
    assert (ada.student.id, bob.student.id) == ("gradescope:1", "gradescope:2")
    assert ada.attempt == bob.attempt


@pytest.mark.parametrize("kind", ["folder", "tar", "tar.gz"])
def test_a_class_may_be_a_folder_or_another_archive(
    kind: str, course: Course, tmp_path: Path
) -> None:
    files = {f"{who}/{name}": f"{who}{name}".encode() for who in ("ada", "bob") for name in PLAIN}
    pack = {"folder": as_folder, "tar": tar_of("w", 1), "tar.gz": tar_of("w:gz", 1)}[kind]
    source = pack(files, tmp_path / f"class.{kind}")
    result = take(course, source)
    assert (result.kind, result.new, sorted(attempts(course))) == ("folders", 2, ["ada", "bob"])
    assert take(course, source).known == 2
    if kind != "folder":
        assert attempts(course)["ada"].source.sha256 == digest(source)


def test_a_compressed_class_is_read_over_once_and_not_for_each_file(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = {f"{n}.bin": os.urandom(200_000) for n in range(9, 0, -1)}  # not as one reads them
    files = {f"{w}/{name}": c for w in ("ada", "bob") for name, c in {**noise, **PLAIN}.items()}
    source = tar_of("w:gz", 1)(files, tmp_path / "class.tar.gz")
    read = 0

    class Counted(Hashed):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal read
            piece = super().read(size)
            read += len(piece)
            return piece

    monkeypatch.setattr(listing, "Hashed", Counted)
    assert take(course, source).new == 2
    assert read < 3.5 * source.stat().st_size
    assert all(attempt.problem is None for attempt in course.index().attempts)


def test_a_copy_is_private_to_us(course: Course, tmp_path: Path) -> None:
    source = write("folders", tmp_path / "class", [HandedIn("ada", ADA.files)])
    take(course, source)
    (one,) = course.counted()
    assert one.path is not None
    (source / "ada" / "lab3.zip").write_bytes(b"changed in place")
    assert one.path.read_bytes() == ADA.files["lab3.zip"]
    assert one.path.stat().st_nlink == 1


def test_one_hostile_student_costs_nobody_else(course: Course, tmp_path: Path) -> None:
    good = plain_zip(PLAIN)
    entries = [
        Raw(b"Ada_7_assignsubmission_file_/lab3.zip", good),
        Raw(b"Eve_8_assignsubmission_file_/../../../evil.zip", good),
        Raw(b"Bob_9_assignsubmission_file_/lab3/resnet.py", b"/etc/passwd", mode=0o120777),
        Raw(b"Dan_10_assignsubmission_file_/lab3.zip", good, flags=1),
        Raw(b"Kim_11_assignsubmission_file_/\xff\xfe/lab3/resnet.py", b"x"),
    ]
    (tmp_path / "export.zip").write_bytes(raw_zip(entries))
    take(course, tmp_path / "export.zip")
    problems = {who: attempt.problem for who, attempt in attempts(course).items()}
    assert problems["moodle:7"] is problems["moodle:11"] is None
    assert "unsafe name" in str(problems["moodle:8"])
    assert "is a symbolic link and was not followed" in str(problems["moodle:9"])
    assert "is protected by a password" in str(problems["moodle:10"])
    assert not list(tmp_path.rglob("evil*"))


def test_damage_of_an_export_is_nobodys_fault(course: Course, tmp_path: Path) -> None:
    export = write("moodle", tmp_path / "export.zip", [ADA, HandedIn("8", PLAIN)])
    data = bytearray(export.read_bytes())
    at = data.index(b"Ada_7") + 60
    data[at : at + 4] = bytes(b ^ 0xFF for b in data[at : at + 4])
    export.write_bytes(data)
    assert take(course, export).damaged == ["moodle:7: lab3.zip is damaged: fetch it again"]
    assert list(attempts(course)) == ["moodle:8"]
    fetched = write("moodle", tmp_path / "again.zip", [ADA, HandedIn("8", PLAIN)])
    assert take(course, fetched).new == 1
    assert attempts(course)["moodle:7"].problem is None


def collect_and_die(course: Course, export: Path, number: int) -> bool:
    """Collect in a process that is killed at its n-th news; tell whether it ended before."""
    pid = os.fork()
    if pid == 0:
        calls = itertools.count(1)

        def die(_progress: object) -> None:
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        collect(course, Request([export]), on_progress=die, now=COLLECTED)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of threads, which idle
def test_whenever_it_is_killed_the_next_call_goes_on(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "WRITE_S", 0)
    export = write("moodle", tmp_path / "export.zip", [ADA, BOB, EVE, HandedIn("10", PLAIN)])
    clean = write_course(tmp_path / "clean", UTC_CLOCK)
    take(clean, export)
    for number in range(1, 40, 3):
        if collect_and_die(course, export, number):
            break
        copies = [path for path in course.submissions.glob("attempts/*") if path.is_file()]
        assert all(digest(path) == path.name[:64] for path in copies)
        assert {attempt.file for attempt in course.index().attempts} <= {
            f"attempts/{path.name}" for path in copies
        } | {None}
    else:
        pytest.fail("it never ended")
    assert number > 7
    assert state(course) == state(clean)


def test_what_a_killed_one_left_is_removed_and_two_at_once_are_refused(course: Course) -> None:
    with open_store(course.submissions) as there:
        left = there.scratch.parent / ".part-killed"
        left.mkdir()
        (left / "half").write_bytes(b"x")
        with pytest.raises(CourseError, match="another lab3 collect writes there"):
            take(course, course.folder)
    with open_store(course.submissions):
        assert not left.exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.zip", None, "none.zip: No such file or directory: check the path"),
        ("x.zip", b"PK\3\4" + bytes(90), "x.zip is damaged: fetch it again"),
        ("x.tar.gz", b"\x1f\x8b" + bytes(90), "x.tar.gz is damaged: fetch it again"),
        ("x.txt", b"hello", "x.txt: is of no known kind"),
        ("x.zip", b"", "x.zip: is empty (0 bytes): fetch it again"),
        ("x.zip", b"<!DOCTYPE html><html>", "x.zip: is a web page, not an archive: fetch it again"),
        ("x.rar", b"Rar!\x1a\x07\1\0", "x.rar: is packed as RAR: unpack it, and name the folder"),
        ("x.csv", b"a,b\n1,2\n", "x.csv: is of no known kind"),
    ],
)
def test_a_source_that_is_none_is_told(
    name: str, content: bytes | None, said: str, course: Course, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        take(course, tmp_path / name)
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(said)


def test_what_was_collected_before_a_bad_source_stays(course: Course, tmp_path: Path) -> None:
    export = write("moodle", tmp_path / "export.zip", [ADA])
    with pytest.raises(SourceError):
        take(course, export, tmp_path / "none.zip")
    assert list(attempts(course)) == ["moodle:7"]


def test_the_index_is_the_same_whatever_the_order(tmp_path: Path) -> None:
    exports = [
        write("moodle", tmp_path / "m.zip", [BOB, ADA]),
        write("canvas", tmp_path / "c.zip", [HandedIn("7", work("c"), "Cy")]),
    ]
    texts = []
    for order in (exports, exports[::-1]):
        course = write_course(tmp_path / f"course{len(texts)}", UTC_CLOCK)
        take(course, *order)
        texts.append(course.index_file.read_text())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["version"] == 1


def test_the_index_is_written_while_it_grows(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "WRITE_S", 0)
    seen: list[int] = []
    export = write("moodle", tmp_path / "export.zip", [ADA, BOB])
    collect(
        course, Request([export]), on_progress=lambda _: seen.append(len(course.index().attempts))
    )
    assert seen[0] == 0
    assert 1 in seen
