"""A class on disk: what its LMSs give, its course folder, and what is to be expected."""

import csv
import json
import random
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.rubric import RUBRIC
from tests.making.course.people import DEADLINE, Attempt, Person, at, identity
from tests.making.exports import HandedIn, write
from tests.making.exports.hazards import plain_zip
from tests.making.grading import KEY
from tests.making.submissions import Files, tar_of

EXPECTED_NAME = "expected.json"
FIRST_ROUND = at(-24)  # when everything was downloaded for the first time
FLAT = ("canvas", "blackboard")  # no folders: what has some is packed
# What some LMSs call a student, by the columns of the class list.
NUMBERED = {"moodle": 600_000, "canvas": 4_000, "blackboard": 0, "brightspace": 70_000, "github": 0}
THRESHOLDS = """\
fp32 = [{ at = 0.2, share = 1.0 }]
drop = [{ at = 0.5, share = 1.0 }]
"""


@dataclass(frozen=True)
class Expected:
    """What grading has to say of a student. ``content`` is of the attempt that counts.

    ``lost`` are the code checks that are not passed, by outcome; None promises nothing.
    """

    id: str
    role: str
    title: str
    kind: str
    content: str | None
    is_late: bool | None
    lost: dict[str, str] | None
    points: float | None
    is_unreadable: bool
    copied_from: str = ""  # the id of another student


def expected_of(person: Person) -> Expected:
    attempt = person.counting
    work = attempt.work if attempt else None
    return Expected(
        id=person.id,
        role=person.role,
        title=work.title if work else "nothing",
        kind=person.kind,
        content=identity(work.files) if work and work.raw is None else None,
        is_late=person.is_late,
        lost=work.lost if work else None,
        points=work.points if work else None,
        is_unreadable=work is not None and work.raw is not None,
        copied_from=id_of(work.copied_from) if work and work.copied_from else "",
    )


def id_of(student: str) -> str:
    """Return the id of somebody whom the makers of work call "student 7"."""
    return f"s{int(student.split()[1].rstrip(',')):04}"


def write_class(folder: Path, people: Sequence[Person], seed: int) -> None:
    """Write a course folder with everything in it, ready for ``lab3 collect``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "course.toml").write_text(settings(people))
    (folder / "key.txt").write_text(f"{KEY}\n")
    (folder / "rubric.toml").write_text(rubric())
    write_class_list(folder / "students.csv", people)
    for round_number, end in enumerate((FIRST_ROUND, None), 1):
        exports = folder / "exports" / str(round_number)
        exports.mkdir(parents=True, exist_ok=True)
        write_exports(exports, people, end, seed)
    expected = [asdict(expected_of(person)) for person in people]
    (folder / EXPECTED_NAME).write_text(json.dumps(expected, indent=1, ensure_ascii=False))


def read_expected(folder: Path) -> list[Expected]:
    return [Expected(**one) for one in json.loads((folder / EXPECTED_NAME).read_text())]


def settings(people: Sequence[Person]) -> str:
    lines = [
        'name = "Lab 3"',
        f"deadline = {DEADLINE.isoformat()}",
        'timezone = "UTC"',
        'grace = "15 min"',
        'students = "students.csv"',
        'rubric = "rubric.toml"',
        'key = "key.txt"',
        "[late]",
        "percent = 10",
        "[extensions]",
        *(f"{p.id} = {at(48).isoformat()}" for p in people if p.has_extension),
    ]
    return "\n".join(lines) + "\n"


def rubric() -> str:
    """Return the kit's rubric with thresholds that a network of two epochs reaches."""
    text = RUBRIC.read_text()
    start = text.index("[thresholds.digits]")
    old = text[start : text.index("largest_bytes", start)]
    new = text.replace(old, f"[thresholds.digits]\n{THRESHOLDS}")
    tomllib.loads(new)
    return new


def write_class_list(path: Path, people: Sequence[Person]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "name", "email", *NUMBERED])
        for person in people:
            table.writerow(
                [person.id, person.name, person.email, *(number(person, lms) for lms in NUMBERED)]
            )


def number(person: Person, lms: str) -> str:
    """Return what an LMS calls a student."""
    first = NUMBERED[lms]
    return str(first + person.number) if first else f"{lms[0]}-user{person.number}"


def write_exports(folder: Path, people: Sequence[Person], end: datetime | None, seed: int) -> None:
    """Write what every LMS gives at a time: of everybody the newest attempt until then."""
    for kind in sorted({person.kind for person in people}):
        members = []
        is_flat = kind in FLAT or (kind == "moodle" and seed % 2 == 0)
        for person in (p for p in people if p.kind == kind):
            there = [a for a in person.attempts if end is None or a.received <= end]
            if there:
                chance = random.Random(f"{seed} {person.id} {len(there)}")  # the same in each round
                members.append(handed_in(person, there[-1], is_flat, chance))
        if members:
            write_export(folder, kind, members, is_flat)


def write_export(folder: Path, kind: str, members: list[HandedIn], is_flat: bool) -> None:
    variant: dict[str, Any] = {}
    if kind == "moodle":
        variant = {"layout": "flat" if is_flat else "folders"}
        write("moodle-worksheet", folder / "worksheet.csv", members)
    if kind in ("nbgrader", "folders", "classroom", "classroom50"):
        write(kind, folder / kind, members, **variant)
    else:
        write(kind, folder / f"{kind}.zip", members, **variant)


def handed_in(person: Person, attempt: Attempt, is_flat: bool, chance: random.Random) -> HandedIn:
    """Return an attempt as an LMS has it."""
    lms = {"classroom": "github", "classroom50": "github"}.get(person.kind, person.kind)
    return HandedIn(
        number(person, lms) if lms in NUMBERED else person.id,
        packed(attempt.work.files, attempt.work.raw, person.kind, is_flat, chance),
        person.name,
        person.email,
        sid=person.id,
        received=attempt.received,
        is_late=attempt.is_late,
    )


def packed(
    files: Files, raw: bytes | None, kind: str, is_flat: bool, chance: random.Random
) -> Files:
    """Return what a student uploads."""
    if raw is not None:
        return {"lab3.zip": raw}
    if kind in ("gradescope", "classroom", "classroom50"):
        return files
    ways = ["zip", "tar.gz"] if is_flat else ["zip", "tar.gz", "tree", "folder"]
    way = chance.choice(ways)
    if way == "zip":
        return {"lab3.zip": plain_zip(files)}
    if way == "tar.gz":
        return {"my lab.tar.gz": tar_gz(files)}
    return (
        files if way == "tree" else {f"my lab/{name}": content for name, content in files.items()}
    )


def tar_gz(files: Files) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tar.gz"
        return tar_of("w:gz", tarfile.GNU_FORMAT)(files, path).read_bytes()
