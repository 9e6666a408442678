"""A grade as one page for its student: no scripts, nothing loaded, readable on a phone."""

from dataclasses import dataclass
from datetime import UTC, datetime

from autograder import messages
from autograder.changes import Standing, changes, differences
from autograder.exports import pages
from autograder.results import CheckResult, Grade, total
from autograder.rubric import Disclosure

OBSERVATIONS = 20
OUTPUT_LINES = 100


@dataclass(frozen=True)
class Version:
    """Which of a student's grades a page shows, and the one before it with its number."""

    number: int
    at: datetime
    before: tuple[int, Grade] | None = None


@dataclass(frozen=True)
class Row:
    """A claim, or the hidden ones of a group, whose points changed."""

    title: str
    before: Standing | None
    after: Standing | None


def feedback(
    grade: Grade, disclosure: Disclosure, version: Version | None = None, mark: str = ""
) -> str:
    """Return the page, with no more of hidden checks than ``disclosure`` allows.

    ``mark`` says what is given out for the grade, where that is known.
    """
    before = version and version.before
    rows = changed(before[1], grade, disclosure) if before else []
    reasons = differences(before[1], grade) if before else ()
    grade = messages.visible(grade, disclosure)
    return pages.template("feedback.html.j2").render(
        grade=grade,
        style=pages.style(),
        version=version,
        made=day(version.at) if version else f"{datetime.now(UTC):%Y-%m-%d}",
        rows=rows,
        reasons=reasons,
        to_mend=[result for result in grade.results if is_to_mend(result)],
        mark=mark,
        **WORDING,
    )


def day(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def is_to_mend(result: CheckResult) -> bool:
    return result.outcome != "passed" or result.earned < result.points


def changed(old: Grade, new: Grade, disclosure: Disclosure) -> list[Row]:
    """Return whose points changed; hidden checks without names are added up, group by group."""
    old, new = messages.visible(old, disclosure), messages.visible(new, disclosure)
    titles = {
        (result.check, result.visibility): messages.title(result)
        for result in (*old.results, *new.results)
    }
    is_named = disclosure != "points"
    rows = [
        Row(titles[change.check, change.visibility], change.before, change.after)
        for change in changes(old, new)
        if is_named or change.visibility == "public"
    ]
    groups = () if is_named else dict.fromkeys((*new.groups, *old.groups))
    for group in groups:
        before, after = hidden_of(old, group), hidden_of(new, group)
        if before != after:
            rows.append(Row(f"All hidden checks of {group}", before, after))
    return rows


def hidden_of(grade: Grade, group: str) -> Standing:
    """Add up the hidden checks of a group."""
    hidden = [r for r in grade.groups.get(group, []) if r.visibility == "hidden"]
    return Standing(total(r.earned for r in hidden), total(r.points for r in hidden))


def printed(result: CheckResult) -> str:
    return "\n".join(messages.clip(result.output, OUTPUT_LINES)) if result.output else ""


WORDING = {
    "again": messages.again,
    "earned": lambda results: total(r.earned for r in results),
    "evidence": lambda result: messages.evidence(result, OBSERVATIONS),
    "is_open": is_to_mend,
    "of_points": messages.of_points,
    "points": lambda results: total(r.points for r in results),
    "printed": printed,
    "sentences": messages.sentences,
    "summary": messages.summary,
    "title": messages.title,
    "where": messages.where,
    "words": messages.WORDS,
}
