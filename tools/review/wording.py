"""A review in words, for the student who mends a report or for the staff who mark it."""

import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from tools.review.findings import SURE, WEIGHTS, Finding, Review
from tools.review.reading.document import SECTIONS
from tools.review.rules.registry import RULES

WIDTH = 79
Audience = Literal["student", "staff"]
VERDICTS = {  # for staff
    "certain": "wrong",
    "likely": "probably wrong, read the line",
    "possible": "a question, no deduction by itself",
}


def describe(review: Review, audience: Audience = "student") -> str:
    """Return all findings for people: by section, most certain first."""
    ordered = sorted(review.findings, key=lambda f: (f.section, SURE.index(f.sure), f.line))
    blocks = []
    for section, findings in groupby(ordered, key=lambda finding: finding.section):
        blocks.append(_title(section, audience))
        for _, alike in groupby(findings, key=lambda f: (f.rule, f.sure, f.says, f.why)):
            blocks.append(message(list(alike), audience))
    if not review.findings:
        blocks += [scope(review)]
    return "\n\n".join([*filter(None, blocks), summary(review)])


def _title(section: int, audience: Audience) -> str:
    if not section:
        return "Outside of the sections"
    title = f"Section {section}: {SECTIONS[section - 1]}"
    return f"{title} ({WEIGHTS[section]} % of the report)" if audience == "staff" else title


def message(alike: Sequence[Finding], audience: Audience) -> str:
    """Return findings that say the same: how sure, rule, lines; what they say, should say, why."""
    finding = alike[0]
    word = finding.sure.upper()
    place = _lines(tuple(line for each in alike for line in each.lines))
    room = WIDTH - len(word) - len(place) - 4
    title, *rest = textwrap.wrap(RULES[finding.rule].claim, max(30, room))
    lines = [
        f"{word}  {title:{max(30, room)}}  {place}",
        *(" " * (len(word) + 2) + text for text in rest),
        "",
    ]
    if finding.says:
        lines.append(f"  says     {finding.says}")
    if audience == "staff":
        lines.append(f"  verdict  {VERDICTS[finding.sure]}")
        lines += _labelled("comment", [comment(each) for each in alike])
    else:
        lines += _labelled("should", [each.should for each in alike])
        lines.append(f"  why      {finding.why}")
    return "\n".join([*lines, f"  rule     {finding.rule}"])


def _labelled(label: str, texts: list[str]) -> list[str]:
    return [
        f"  {label if number == 0 else '':8} {text}"
        for number, text in enumerate(dict.fromkeys(texts))
    ]


def comment(finding: Finding) -> str:
    """Return one sentence that a teaching assistant can hand back."""
    return f"{_lines(finding.lines).capitalize()}: {finding.should} ({finding.why})."


def _lines(lines: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, lines[:6])) + (", ..." if len(lines) > 6 else "")
    return f"line{'' if len(lines) == 1 else 's'} {shown}"


def scope(review: Review) -> str:
    """Return what was compared and what could not be."""
    parts = []
    if review.checked:
        parts.append("checked\n" + "\n".join(f"  {line}" for line in review.checked))
    if review.unchecked:
        parts.append("not checked\n" + "\n".join(f"  {line}" for line in review.unchecked))
    return "\n\n".join(parts)


def summary(review: Review) -> str:
    """Return one line such as ``3 findings: 2 certain, 1 likely``."""
    count = len(review.findings)
    if not count:
        return "nothing found"
    parts = [f"{review.count(sure)} {sure}" for sure in SURE if review.count(sure)]
    return f"{count} finding{'' if count == 1 else 's'}: {', '.join(parts)}"
