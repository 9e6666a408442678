"""What a course has, and what somebody has to look at."""

from dataclasses import dataclass

from autograder.course.counting import Counted
from autograder.course.folder import Course
from autograder.course.index import Attempt, Index, Student
from autograder.course.roster import Row


@dataclass(frozen=True)
class Summary:
    """Everybody who handed in, what can't be graded, and who is missing or not expected."""

    index: Index
    counted: list[Counted]
    unreadable: list[Attempt]
    missing: list[Row]
    strangers: list[Student]

    @property
    def late(self) -> list[Counted]:
        return [one for one in self.counted if one.is_late]

    @property
    def asks_staff(self) -> list[Counted]:
        return [one for one in self.counted if one.asks_staff]

    @property
    def needs_staff(self) -> bool:
        return bool(self.unreadable or self.missing or self.strangers or self.asks_staff)


def summary(course: Course) -> Summary:
    """Return what a course has; raise CourseError where its settings name what doesn't exist."""
    index, roster = course.index(), course.roster()
    counted = course.counted()
    listed = {row.id for row in roster.rows}
    return Summary(
        index,
        counted,
        [attempt for attempt in index.attempts if attempt.problem and is_newest(attempt, index)],
        course.missing(),
        [one.student for one in counted if listed and one.student.id not in listed],
    )


def is_newest(attempt: Attempt, index: Index) -> bool:
    """Tell whether none of its students handed in something readable afterwards."""
    return not any(
        other.file and other.newest_at > attempt.newest_at
        for student in attempt.students
        for other in index.of(student)
    )
