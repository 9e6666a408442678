"""What LMSs do with what is uploaded: their importers' rules, written anew from their sources."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class Language:
    """Moodle's words of a language, and its decimal separator."""

    identifier: str
    name: str
    status: str
    grade: str
    maximum: str
    may_change: str
    yes: str
    no: str
    submitted: str
    modified: str
    comments: str
    hidden_user: str
    separator: str = "."


LANGUAGES = {
    "en": Language(
        *("Identifier", "Full name", "Status", "Grade", "Maximum grade", "Grade can be changed"),
        *("Yes", "No", "Last modified (submission)", "Last modified (grade)", "Feedback comments"),
        "Participant ",
    ),
    "old": Language(
        *("Identifier", "Full name", "Status", "Grade", "Maximum Grade", "Grade can be changed"),
        *("Yes", "No", "Last modified (submission)", "Last modified (grade)", "Feedback comments"),
        "Participant ",
    ),
    "de": Language(
        *("ID", "Vollständiger Name", "Status", "Bewertung", "Bestwertung"),
        *("Bewertung kann geändert werden", "Ja", "Nein", "Zuletzt geändert (Abgabe)"),
        *("Zuletzt geändert (Bewertung)", "Feedback als Kommentar", "Teilnehmer/in"),
        ",",
    ),
    "es": Language(
        *("Identificador", "Nombre completo", "Estado", "Calificación", "Calificación máxima"),
        *("La calificación puede ser cambiada", "Sí", "No", "Última modificación (entrega)"),
        *("Última modificación (calificación)", "Comentarios de retroalimentación"),
        *("Participante ", ","),
    ),
    "zh_tw": Language(
        *("識別碼", "全名", "狀態", "成績", "最高分", "可以修改成績", "是", "否"),
        *("最後修改（繳交）", "最後修改（成績）", "回饋評語", "參與者"),
    ),
    "ja": Language(
        *("ID", "フルネーム", "ステータス", "評定", "最大評定", "評定を変更できますか?", "はい"),
        *(
            "いいえ",
            "最終更新日時 (提出)",
            "最終更新日時 (評定)",
            "フィードバックコメント",
            "参加者",
        ),
    ),
    "xx": Language(  # one that nobody has told us of
        *("Tunniste", "Koko nimi", "Tila", "Pisteet", "Suurin", "Saa muuttaa", "Joo", "Eipä"),
        *("Muutettu (palautus)", "Muutettu (pisteet)", "Kommentit", "Osallistuja "),
        ",",
    ),
}


@dataclass
class MoodleBook:
    """What Moodle has of an assignment: grades by participant, whom it lets nobody change."""

    language: Language
    participants: Sequence[int]
    maximum: Decimal = Decimal(100)
    grades: dict[int, Decimal] = field(default_factory=dict)
    locked: frozenset[int] = frozenset()
    comments: dict[int, str] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)

    def upload(self, content: bytes, separator: str = ",") -> None:
        """Import a worksheet; a column that is missing refuses all of it."""
        text = content.decode("utf-8").removeprefix("\ufeff")
        titles, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        own = self.language
        id_at, grade_at, _ = (titles.index(t) for t in (own.identifier, own.grade, own.modified))
        for row in rows:
            number = int(row[id_at][len(own.hidden_user) :].strip())
            if number not in self.participants:
                continue
            grade = self.unformat(row[grade_at])
            is_empty = grade is None or grade < 0
            is_same = grade == self.grades.get(number)
            if is_empty or is_same or grade > self.maximum or number in self.locked:
                self.skipped.append(number)
            else:
                self.grades[number] = grade
            self.comments[number] = row[titles.index(own.comments)]

    def unformat(self, text: str) -> Decimal | None:
        """Read a number of the language."""
        plain = text.replace(" ", "").replace(self.language.separator, ".")
        return Decimal(plain) if re.fullmatch(r"-?\d+(\.\d*)?", plain) else None

    def feedback(self, names: Sequence[str]) -> dict[int, str]:
        """Return what files a zip of feedback brings to whom."""
        brought = {}
        for name in names:
            if name.startswith((".", "~")):
                continue
            parts = name.split("/")
            pieces = parts[0].split("_", 4)
            is_read = len(pieces) >= 4 and pieces[1].isdigit() and pieces[2] == "assignsubmission"
            if is_read and pieces[3] == "file" and int(pieces[1]) in self.participants:
                brought[int(pieces[1])] = "/".join([*pieces[4:], *parts[1:]]).lstrip("/")
        return brought


def worksheet(
    book: MoodleBook,
    people: Mapping[int, tuple[str, str, str]],
    separator: str = ",",
    line_end: str = "\r\n",
    bom: bool = True,
    quoting: int = csv.QUOTE_MINIMAL,
    blind: bool = False,
) -> bytes:
    """Write a worksheet as Moodle does; ``people`` have name, ID number and address."""
    own = book.language
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=line_end, quoting=quoting)
    identity = [] if blind else [own.name, "ID number", "Email address"]
    rest = [own.status, own.grade, own.maximum, own.may_change, own.submitted, own.modified]
    writer.writerow([own.identifier, *identity, *rest, own.comments])
    for number in book.participants:
        grade = book.grades.get(number)
        may = own.no if number in book.locked else own.yes
        writer.writerow(
            [
                f"{own.hidden_user}{number}",
                *([] if blind else people[number]),
                "Submitted",
                "" if grade is None else formatted(grade, own.separator),
                formatted(book.maximum, own.separator),
                may,
                "Tuesday, 1 December 2026, 10:59 PM",
                "-",
                book.comments.get(number, ""),
            ]
        )
    return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()


def formatted(number: Decimal, separator: str) -> str:
    return f"{number:.2f}".replace(".", separator)


TEST_STUDENT = 9_999_999  # whom Canvas makes for teachers to try things


@dataclass(frozen=True)
class CanvasUser:
    """Somebody whom Canvas knows."""

    number: int
    name: str
    sis: str = ""
    login: str = ""


@dataclass
class CanvasBook:
    """What Canvas has of a course: scores by assignment and user."""

    users: Sequence[CanvasUser]
    assignments: dict[int, str]
    possible: dict[int, Decimal]
    scores: dict[int, dict[int, str]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)

    def upload(self, content: bytes) -> None:
        """Import a gradebook."""
        text = content.decode("utf-8").removeprefix("\ufeff")
        first = "\n".join(text.splitlines()[:3])
        separator = ";" if first.count(";") > first.count(",") else ","
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        titles = rows[0]
        named = 1 if titles[:2] == ["LastName", "FirstName"] else 0
        assert "Student" in titles[0] or named
        assert "ID" in titles[1 + named]
        assert len(titles) > 3
        last = max(i for i, title in enumerate(titles) if "Section" in title)
        columns = {i: self.assignment(title) for i, title in enumerate(titles) if i > last}
        for row in rows[1:]:
            if not any(cell.strip() for cell in row):
                continue
            if "Points Possible" in row[0]:
                for column, number in columns.items():
                    if re.fullmatch(r"[\d.]+", row[column].strip()):
                        self.possible[number] = Decimal(row[column].strip())
                continue
            if all(not c.strip() or c in ("Muted", "Manual Posting") for c in row):
                continue
            user = self.user(row, titles, named)
            if user is None:
                self.created.append(row[0])
                continue
            for column, number in columns.items():
                self.take(number, user, row[column].strip())

    def assignment(self, title: str) -> int:
        """Find an assignment by the number in its title, or by the title."""
        match = re.search(r"\((\d+)\)$", title)
        if match and int(match[1]) in self.assignments:
            return int(match[1])
        found = [number for number, name in self.assignments.items() if name == title]
        if not found:
            self.created.append(title)
            return -1
        return found[0]

    def user(self, row: list[str], titles: list[str], named: int) -> int | None:
        """Find a student by Canvas's number, then by that of the school, the login, the name."""
        digits = re.match(r"\d+", row[1 + named].strip())
        number = int(digits[0]) if digits else 0
        if number == TEST_STUDENT:
            return number
        cells = dict(zip(titles, row, strict=False))
        for user in self.users:
            if number == user.number:
                return user.number
        for user in self.users:
            if user.sis and cells.get("SIS User ID") == user.sis:
                return user.number
        for user in self.users:
            if user.login and cells.get("SIS Login ID") == user.login:
                return user.number
        return next((user.number for user in self.users if user.name == row[0]), None)

    def take(self, assignment: int, user: int, cell: str) -> None:
        if cell.upper() == "EX":
            value = "EX"
        elif cell in ("", "-"):
            value = ""
        else:
            value = f"{Decimal(cell.replace(',', '.')):.2f}"
        self.scores.setdefault(assignment, {})[user] = value


def gradebook(
    book: CanvasBook,
    separator: str = ",",
    variant: str = "Student",
    muted: bool = True,
    bom: bool = False,
) -> bytes:
    """Write a gradebook as Canvas does, with totals that nobody can import."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    is_named = variant == "LastName"
    who = ["LastName", "FirstName"] if is_named else ["Student"]
    about = [*who, "ID", "SIS User ID", "SIS Login ID", "Section"]
    numbers = list(book.assignments)
    titles = [f"{book.assignments[n]} ({n})" for n in numbers]
    writer.writerow([*about, *titles, "Current Score", "Final Score"])
    blank = [""] * (len(about) - 1)
    if muted:
        writer.writerow(["", *blank, *["Manual Posting"] * len(numbers), "", ""])
    possible = [f"{book.possible[n]:.2f}" for n in numbers]
    writer.writerow(["    Points Possible", *blank, *possible, "(read only)", "(read only)"])
    for user in [*book.users, CanvasUser(0, "Student, Test")]:
        name = f'="{user.name}"' if user.name.startswith("=") else user.name
        names = [name.partition(", ")[0], name.partition(", ")[2]] if is_named else [name]
        number = str(user.number) if user.number else str(TEST_STUDENT)
        scores = [book.scores.get(n, {}).get(user.number, "") for n in numbers]
        writer.writerow([*names, number, user.sis, user.login, "A", *scores, "50.00", "50.00"])
    return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()
