"""One function a kind of export: from a class to the names and bytes of its files."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.making.submissions import as_folder, as_zip

Tree = dict[str, bytes]


@dataclass(frozen=True)
class HandedIn:
    """What somebody handed in at once: ``files`` by the names that they gave them.

    ``id`` is the LMS's number, or the course's own id where that names the folder. ``members`` are
    id and name of further people of a group. ``older`` are times of attempts before this one.
    """

    id: str
    files: Tree = field(default_factory=dict)
    name: str = "Ada Lovelace"
    email: str = ""
    login: str = ""
    sid: str = ""
    received: datetime | None = None
    is_late: bool = False
    members: tuple[tuple[str, str], ...] = ()
    older: tuple[datetime, ...] = ()
    text: str = ""


def write(kind: str, target: Path, handed_in: Sequence[HandedIn], **variant: Any) -> Path:
    """Write the export of a class: a .zip, a .csv, or a folder, after the suffix of ``target``."""
    files = tree(kind, handed_in, **variant)
    if target.suffix == ".csv":
        (content,) = files.values()
        target.write_bytes(content)
        return target
    return as_zip(files, target) if target.suffix == ".zip" else as_folder(files, target)


def tree(kind: str, handed_in: Sequence[HandedIn], **variant: Any) -> Tree:
    """Return the files of an export by their names."""
    return KINDS[kind](handed_in, **variant)


def moodle(
    handed_in: Sequence[HandedIn],
    layout: str = "folders",
    trailing: str = "",
    blind: str = "",
    with_login: bool = False,
) -> Tree:
    """Moodle's download; ``trailing`` is the "_" of before 4.1, ``blind`` its word for people."""
    files: Tree = {}
    for one in handed_in:
        name = re.sub(r"[&<>\"`|':\\/]", "", blind or one.name.replace("_", " "))
        start = f"{one.login} {name}" if with_login else name
        start += f"_{one.id}" if one.id else ""
        for path, content in one.files.items():
            if layout == "folders":
                files[f"{start}_assignsubmission_file{trailing}/{path}"] = content
            else:
                files[f"{start}_assignsubmission_file_{path}"] = content
        if one.text:
            end = "/" if layout == "folders" else "_"
            files[f"{start}_assignsubmission_onlinetext{end}onlinetext.html"] = one.text.encode()
    return files


def moodle_worksheet(
    handed_in: Sequence[HandedIn],
    word: str = "Participant ",
    titles: tuple[str, str] = ("Last modified (submission)", "Last modified (grade)"),
    time: Callable[[datetime], str] = lambda t: t.strftime("%A, %d %B %Y, %I:%M %p"),
    blind: bool = False,
    bom: bool = True,
) -> Tree:
    """Moodle's grading worksheet, with times on the clock that they have."""
    people = [] if blind else ["Full name", "ID number", "Email address"]
    rest = ["Status", "Grade", "Maximum grade", "Grade can be changed", *titles]
    rows: list[list[str]] = [["Identifier", *people, *rest, "Feedback comments"]]
    for one in handed_in:
        own = [] if blind else [one.name, one.sid, one.email]
        when = time(one.received) if one.received else "-"
        rows.append([f"{word}{one.id}", *own, "Submitted", "", "100.00", "Yes", when, "-", ""])
    return {"worksheet.csv": (b"\xef\xbb\xbf" if bom else b"") + table(rows)}


def table(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def canvas(handed_in: Sequence[HandedIn], anonymous: bool = False, first: int = 98765) -> Tree:
    """Canvas's download: word characters of the name, LATE, numbers of student and file."""
    files: Tree = {}
    number = first
    for one in handed_in:
        late = ["LATE"] if one.is_late else []
        plain = "".join(c for c in one.name.lower() if c == "_" or c.isalnum())
        plain = re.sub("_([0-9]+)_", r"\1", plain)
        who = [*late, f"anon_{one.id}"] if anonymous else [*filter(None, [plain]), *late, one.id]
        for path, content in one.files.items():
            files["_".join([*who, str(number), path])] = content
            number += 1
        if one.text:
            files["_".join([*who, "text.html"])] = one.text.encode()
    return files


def gradescope(
    handed_in: Sequence[HandedIn],
    symbols: bool = True,
    anonymous: bool = False,
    wrapper: str = "assignment_7_export/",
) -> Tree:
    """Gradescope's export, with Ruby's symbols as keys or plain ones; hand-ins are numbered."""
    key = ":{}".format if symbols else str
    files: Tree = {}
    metadata: dict[str, Any] = {}
    for number, one in enumerate(handed_in, 101):
        people = [(one.sid, one.name, one.email), *((i, name, "") for i, name in one.members)]
        submitters = [
            {key("name"): name, key("sid"): sid or None, key("email"): email or None}
            for sid, name, email in people
        ]
        older = [{key("id"): n, key("created_at"): time} for n, time in enumerate(one.older)]
        metadata[f"submission_{number}"] = {
            key("submitters"): [] if anonymous else submitters,
            key("created_at"): one.received,
            key("score"): 0.0,
            key("status"): "processed",
            key("results"): {"tests": [], "output": "fine: 'quoted' \u738b"},
            key("history"): older,
        }
        for path, content in one.files.items():
            files[f"{wrapper}submission_{number}/{path}"] = content
    return {f"{wrapper}submission_metadata.yml": yaml.safe_dump(metadata).encode(), **files}


def blackboard(handed_in: Sequence[HandedIn], assignment: str = "Lab 3") -> Tree:
    """Blackboard's download, with a text beside each attempt."""
    files: Tree = {}
    for one in handed_in:
        time = (one.received or datetime(2026, 12, 1, 12, tzinfo=UTC)).strftime("%Y-%m-%d-%H-%M-%S")
        start = f"{assignment}_{one.id}_attempt_{time}"
        text = f"Name: {one.name} ({one.id})\nAssignment: {assignment}\nDate Submitted: then\n"
        files[f"{start}.txt"] = f"{text}\nComments:\n{one.text}\nFiles:\n".encode()
        files |= {f"{start}_{path}": content for path, content in one.files.items()}
    return files


def brightspace(handed_in: Sequence[HandedIn]) -> Tree:
    """Brightspace's download, a folder an attempt."""
    files: Tree = {"index.html": b"<html></html>"}
    for one in handed_in:
        time = one.received or datetime(2026, 12, 1, 12, tzinfo=UTC)
        folder = f"{one.id} - {one.name} - {time.strftime('%b %d, %Y %I%M %p')}"
        files |= {f"{folder}/{path}": content for path, content in one.files.items()}
    return files


def nbgrader(
    handed_in: Sequence[HandedIn],
    assignment: str = "lab3",
    top: str = "submitted/",
    others: tuple[str, ...] = (),
) -> Tree:
    """nbgrader's submitted/, with a time beside each attempt, and other assignments."""
    files: Tree = {}
    for one in handed_in:
        time = one.received or datetime(2026, 12, 1, 12, tzinfo=UTC)
        stamp = f"{time.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S.%f')} UTC".encode()
        for name in (assignment, *others):
            files[f"{top}{one.id}/{name}/timestamp.txt"] = stamp
        inner = f"{top}{one.id}/{assignment}"
        files |= {f"{inner}/{path}": content for path, content in one.files.items()}
    return files


def clone(one: HandedIn, repository: str) -> Tree:
    files = {f"{repository}/{path}": content for path, content in one.files.items()}
    return {f"{repository}/.git/HEAD": b"ref: refs/heads/main\n", **files}


HEADER = (
    "assignment_name assignment_url starter_code_url github_username roster_identifier "
    "student_repository_name student_repository_url submission_timestamp points_awarded "
    "points_available group_name"
).split()


def classroom(handed_in: Sequence[HandedIn], slug: str = "lab3", with_table: bool = False) -> Tree:
    """Clones of GitHub Classroom's; the name of a repository ends in the user's."""
    top = f"{slug}-submissions/"
    files: Tree = classroom_grades(handed_in, slug) if with_table else {}
    files = {f"{top}{name}": content for name, content in files.items()}
    for one in handed_in:
        files |= {f"{top}{n}": c for n, c in clone(one, f"{slug}-{one.id}").items()}
    return files


def classroom_grades(handed_in: Sequence[HandedIn], slug: str = "lab3") -> Tree:
    """Classroom's table of grades, with a row for each member of a group."""
    rows = [HEADER]
    for one in handed_in:
        time = one.received.strftime("%Y-%m-%d %H:%M:%S UTC") if one.received else ""
        for user, sid in ((one.id, one.sid), *((user, "") for user, _ in one.members)):
            start = [slug, "", "", user, sid, f"{slug}-{one.id}", ""]
            rows.append([*start, time, "0", "100", one.name if one.members else ""])
    return {"grades.csv": table(rows)}


def classroom50(handed_in: Sequence[HandedIn], start: str = "cs101-lab3") -> Tree:
    """Classroom 50's download, clones beside what it says of all."""
    rows = [["username", "score"], *([one.id, "0"] for one in handed_in)]
    results = {"assignment": "lab3", "submissions": [{"owner": one.id} for one in handed_in]}
    files = {"scores.csv": table(rows), "results.json": json.dumps(results).encode()}
    for one in handed_in:
        repository = f"{start}-{one.id}"
        files |= {**clone(one, repository), f"{repository}/.classroom50.yaml": b""}
    return files


def folders(handed_in: Sequence[HandedIn], archives: bool = False) -> Tree:
    """A folder a student, or a file of that name with the suffix that the first one has."""
    files: Tree = {}
    for one in handed_in:
        if archives:
            (name, content), *_ = one.files.items()
            files[f"{one.id}.{name.split('.', 1)[1]}"] = content
        else:
            files |= {f"{one.id}/{path}": content for path, content in one.files.items()}
    return files


KINDS: dict[str, Callable[..., Tree]] = {
    "moodle": moodle,
    "moodle-worksheet": moodle_worksheet,
    "canvas": canvas,
    "gradescope": gradescope,
    "blackboard": blackboard,
    "brightspace": brightspace,
    "nbgrader": nbgrader,
    "classroom": classroom,
    "classroom-grades": classroom_grades,
    "classroom50": classroom50,
    "folders": folders,
}
