"""A class's grades as one page for staff: how they are spread, and what cost whom points."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from autograder import messages
from autograder.exports import pages
from autograder.exports.files import FEEDBACK_NAME
from autograder.results import CheckResult, Grade, total

OVERVIEW_NAME = "index.html"
BINS = 10
SLOW = 3  # times the median is slow
NAMED = 60  # students of one check; the table has all

Tag = Literal["staff", "ungraded", "late", "stale", "slow", "broken"]
TAGS: dict[Tag, str] = {
    "ungraded": "Without a grade",
    "staff": "For staff",
    "late": "Late",
    "stale": "Graded by another rubric or kit",
    "broken": "Crashed or timed out",
    "slow": "Slow",
}


@dataclass(frozen=True)
class Student:
    """Somebody of the class; ``why_not`` says why there is no grade.

    ``late`` is how late what counts is and what that takes, in words. ``mark`` is what lateness
    leaves of the points, None where there is no course.
    """

    name: str
    folder: str
    late: str = ""
    mark: float | None = None
    is_stale: bool = False
    why_not: str = ""


@dataclass(frozen=True)
class Line:
    """A student as the page shows them; ``lost`` are the numbers of checks that cost points."""

    student: Student
    earned: float | None = None
    seconds: float | None = None
    lost: tuple[int, ...] = ()
    tags: tuple[Tag, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def link(self) -> str:
        return f"{quote(self.student.folder, safe='')}/{FEEDBACK_NAME}"


@dataclass
class Check:
    """A claim as the class did on it; ``losers`` are those whom it cost points."""

    number: int
    title: str
    group: str
    points: float
    asked: int = 0
    lost: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    losers: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The percentage of those asked whom it cost points."""
        return round(100 * len(self.losers) / self.asked, 1) if self.asked else 0.0

    @property
    def words(self) -> str:
        """How it went wrong, the most frequent first."""
        return ", ".join(f"{n} {word}" for word, n in self.outcomes.most_common())


@dataclass(frozen=True)
class Bar:
    """How many have a percentage of all points from ``low`` on; sizes are those of the picture."""

    low: int
    high: int
    count: int
    x: float
    y: float
    height: float


class Overview:
    """Takes grades one by one, keeps a line of each, and renders the page.

    ``rubric_sha256`` and ``sources_sha256`` are those that grades should be by.
    """

    def __init__(self, course: str, rubric_sha256: str, sources_sha256: str) -> None:
        self.course = course
        self._rubric, self._sources = rubric_sha256, sources_sha256
        self._lines: list[Line] = []
        self._checks: dict[tuple[str, str], Check] = {}
        self._points = 0.0

    def add(self, student: Student, grade: Grade | None) -> None:
        """Add a student, perhaps without a grade."""
        if grade is None:
            tags: tuple[Tag, ...] = ("ungraded", "late") if student.late else ("ungraded",)
            self._lines.append(Line(student, tags=tags, remarks=(student.why_not,)))
            return
        self._points = max(self._points, grade.points)
        judged = () if grade.unread else grade.results
        lost = tuple(n for result in judged if (n := self._count(student, result)))
        is_stale = student.is_stale or self._is_stale(grade)
        self._lines.append(
            Line(
                student,
                grade.earned,
                grade.seconds,
                lost,
                tuple(tags_of(student, grade, is_stale)),
                tuple(remarks_of(student, grade, is_stale)),
            )
        )

    def _is_stale(self, grade: Grade) -> bool:
        return (grade.rubric_sha256, grade.sources_sha256) != (self._rubric, self._sources)

    def _count(self, student: Student, result: CheckResult) -> int:
        """Count a result; return the number of its check where it cost points, else 0."""
        key = (result.check, result.visibility)
        check = self._checks.get(key)
        if check is None:
            title = messages.title(result)
            check = Check(len(self._checks) + 1, title, result.group, result.points)
            self._checks[key] = check
        check.asked += 1
        if result.earned >= result.points:
            return 0
        check.lost = total((check.lost, result.points, -result.earned))
        word = messages.WORDS[result.outcome].lower() if result.share == 0 else "in part"
        check.outcomes["waiting for another" if result.waits_for else word] += 1
        check.losers.append(student.name)
        return check.number

    def page(self, at: datetime) -> str:
        """Return the page, made at a time."""
        graded = [line for line in self._lines if line.earned is not None]
        lines = [with_pace(line, slow_from(graded)) for line in self._lines]
        counts = Counter(tag for line in lines for tag in line.tags)
        checks = sorted(self._checks.values(), key=lambda c: (-c.lost, c.number))
        earned = sorted(line.earned for line in graded if line.earned is not None)
        return pages.template("overview.html.j2").render(
            course=self.course,
            at=at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            lines=lines,
            graded=len(graded),
            checks=checks,
            points=self._points,
            has_marks=any(line.student.mark is not None for line in lines),
            facts=facts_of(earned, self._points),
            bars=bars_of(earned, self._points),
            tags={tag: (words, counts[tag]) for tag, words in TAGS.items() if counts[tag]},
            words=TAGS,
            named=NAMED,
            rubric=self._rubric[:8],
            style=pages.style("overview.css"),
            script=pages.script("overview.js"),
        )


def tags_of(student: Student, grade: Grade, is_stale: bool) -> Iterable[Tag]:
    if grade.needs_staff:
        yield "staff"
    if student.late:
        yield "late"
    if is_stale:
        yield "stale"
    if any(result.outcome in ("crashed", "timed_out") for result in grade.results):
        yield "broken"


def remarks_of(student: Student, grade: Grade, is_stale: bool) -> Iterable[str]:
    """Say what somebody has to look at."""
    if grade.unread:
        yield grade.unread
    elif grade.undecided:
        yield f"{messages.number(grade.undecided)} points undecided"
    if not grade.is_canary_well:
        yield "the worker was not well: grade again"
    if student.why_not:
        yield student.why_not
    if is_stale:
        yield f"graded by another rubric or kit (rubric {grade.rubric_sha256[:8]})"
    if student.late:
        yield f"late: {student.late}"


def slow_from(graded: list[Line]) -> float:
    """Return from how many seconds on grading somebody is slow; for a few there is no such."""
    if len(graded) < 2 * SLOW:
        return float("inf")
    return SLOW * statistics.median(line.seconds or 0.0 for line in graded)


def with_pace(line: Line, slow: float) -> Line:
    if line.seconds is None or line.seconds <= slow:
        return line
    return replace(line, tags=(*line.tags, "slow"))


def facts_of(earned: list[float], points: float) -> Mapping[str, str]:
    """Return what sums the points up; ``earned`` are in order."""
    if not earned:
        return {}
    full = sum(one >= points for one in earned)
    quartiles = statistics.quantiles(earned, n=4, method="inclusive") if len(earned) > 1 else []
    return {
        "average": shown(statistics.fmean(earned)),
        "median": shown(statistics.median(earned)),
        **({"middle half": f"{shown(quartiles[0])} to {shown(quartiles[2])}"} if quartiles else {}),
        "lowest, highest": f"{shown(earned[0])}, {shown(earned[-1])}",
        "full points": str(full),
    }


def shown(value: float) -> str:
    return messages.number(round(value, 1))


WIDTH, HEIGHT, FLOOR = 340.0, 90.0, 104.0  # of the picture of all bars, and where they stand


def bars_of(earned: list[float], points: float) -> list[Bar]:
    """Return the bars of the picture: tenths of all points, the last with full points."""
    tenths = Counter(min(int(BINS * one / points), BINS - 1) if points else 0 for one in earned)
    most = max(tenths.values(), default=1)
    step, bars = 100 // BINS, []
    for n in range(BINS):
        height = round(HEIGHT * tenths[n] / most, 2)
        x, y = 10 + n * WIDTH / BINS, round(FLOOR - height, 2)
        bars.append(Bar(n * step, (n + 1) * step, tenths[n], x, y, height))
    return bars
