"""What people read about results, as plain text that is harmless for every terminal."""

import re
import textwrap
from collections import Counter

from autograder.plain_text import harmless, one_line
from autograder.results import CheckResult, Grade, Outcome
from autograder.rubric import Disclosure

WIDTH = 79
WORDS: dict[Outcome, str] = {
    "passed": "PASSED",
    "failed": "FAILED",
    "not_implemented": "NOT YET",
    "crashed": "CRASHED",
    "timed_out": "TIMED OUT",
    "grader_error": "GRADER ERROR",
}
OBSERVATIONS = 6
FEW = 2  # of what waits for another claim, and is told there
LINES = 10
ANONYMOUS = "hidden"  # the name of a check whose name is not told


def clip(text: str, count: int) -> list[str]:
    """Return the first lines of a text, made harmless, and how many more there are."""
    lines = [one_line(line) for line in harmless(text).strip("\n").split("\n")]
    if len(lines) <= count:
        return lines
    return [*lines[:count], f"... and {len(lines) - count} more lines"]


def withheld(result: CheckResult, disclosure: Disclosure) -> CheckResult:
    """Return a result that holds no more than students may know of it."""
    if result.visibility == "public" or disclosure == "everything":
        return result
    is_named = disclosure == "claim"
    is_told = is_named or result.outcome in ("passed", "grader_error")
    return CheckResult(
        check=result.check if is_named else f"{result.group}.{ANONYMOUS}",
        visibility="hidden",
        claim=result.claim if is_named else f"A hidden check of {result.group}",
        points=result.points,
        outcome=result.outcome if is_told else "failed",
        share=result.share,
        waits_for=result.waits_for if is_named else None,
        seconds=0,
    )


def visible(grade: Grade, disclosure: Disclosure) -> Grade:
    """Return a grade that holds no more than students may know of it.

    Where not even claims are told, hidden checks are sorted: their place in the rubric names them.
    """
    if disclosure == "everything":
        return grade
    results: list[CheckResult] = []
    for group in grade.groups.values():
        shown = [withheld(result, disclosure) for result in group]
        if disclosure == "points":
            shown.sort(key=_public_first)
        results += shown
    return grade.model_copy(update={"results": tuple(results), "seed": ""})


def _public_first(result: CheckResult) -> tuple[float | str, ...]:
    """Sort by all that is told of anonymous checks, and leave public ones as they are."""
    is_public = result.visibility == "public"
    return () if is_public else (result.points, result.share, result.outcome)


def number(points: float) -> str:
    return f"{points:.10g}"


def of_points(earned: float, points: float) -> str:
    """Return for example ``0 of 4 points``."""
    return f"{number(earned)} of {number(points)} point{'' if points == 1 else 's'}"


def title(result: CheckResult) -> str:
    """Return the claim, and whether its inputs are hidden: a claim may be asked both ways."""
    is_marked = result.visibility == "hidden" and result.name != ANONYMOUS
    return one_line(result.claim) + " (hidden inputs)" * is_marked


def evidence(result: CheckResult, count: int) -> tuple[list[tuple[str, ...]], int]:
    """Return question, expected and got of what doesn't hold, and how many more there are."""
    broken = [o for o in result.observations if not o.holds]
    rows = [(one_line(o.question), *_aligned(o.expected, o.got)) for o in broken[:count]]
    return rows, len(broken) - len(rows)


def _aligned(*values: str) -> list[str]:
    """Align what follows two or more spaces, such as ``0.25  2**-2``, in a second column."""
    pairs = [re.split(r"(?<=\S) {2,}(?=\S)", one_line(value), maxsplit=1) for value in values]
    width = max((len(pair[0]) for pair in pairs if len(pair) > 1), default=0)
    return [f"{pair[0]:{width}}   {pair[1]}" if len(pair) > 1 else pair[0] for pair in pairs]


def sentences(result: CheckResult) -> list[str]:
    """Return what went wrong, why, and what has to happen, a paragraph each.

    What waits for another claim is not explained: the cause is told there, once. Of what crashed
    the error is told beside what was seen before it.
    """
    those = "this point" if result.points == 1 else f"these {number(result.points)} points"
    verb = "s" if result.points == 1 else ""
    reasons = ("\n".join(clip(result.said, LINES)), harmless(result.diagnosis))
    texts = [text for text in reasons if text and result.waits_for is None]
    if result.waits_for is not None and result.outcome == "crashed" and not result.is_waiting:
        texts.append(reasons[0])
    if result.is_claim_only:
        texts.append("Only the run's log says so: no checkpoint was handed in that proves it.")
    if result.waits_for is not None:
        first = one_line(result.waits_for)
        not_yet = "Not judged yet: " if result.is_waiting else ""
        texts.append(f"{not_yet}{first} has to hold first; {those} wait{verb} for it.")
    if result.held_up:
        names = ", ".join(map(one_line, result.held_up))
        texts.append(f"What waits for this: {names}.")
    if result.outcome == "grader_error":
        texts.append(
            "The grader is at fault, not your code: contact staff. No points are lost silently: "
            f"{those} stay{verb} open until staff has looked."
        )
    return texts


def where(result: CheckResult) -> str:
    """Return file, line and function; empty if there is nothing to mend or no place is known."""
    if result.outcome == "passed" or result.place is None:
        return ""
    return one_line(str(result.place)).rstrip()


def again(result: CheckResult) -> str:
    """Return the command that asks this check again; empty if that is no use, or not possible."""
    is_asked = result.visibility == "public" and result.outcome not in ("passed", "grader_error")
    return f"lab3 check -k {one_line(result.name)}" if is_asked else ""


def describe(result: CheckResult, disclosure: Disclosure = "everything") -> str:
    """Return the whole message on a result: headline, evidence, reasons, place and command."""
    result = withheld(result, disclosure)
    rows, more = evidence(result, OBSERVATIONS if result.waits_for is None else FEW)
    table = [
        f"  {question}\n      expected   {expected}\n      got        {got}"
        for question, expected, got in rows
    ]
    blocks = [_headline(result), "\n".join(table + [f"  ... and {more} more"] * (more > 0))]
    blocks += [_wrapped(text) for text in sentences(result)]
    if result.output and result.outcome != "passed":
        printed = [f"      {line}".rstrip() for line in clip(result.output, LINES)]
        blocks.append("\n".join(["  your code printed", *printed]))
    last = (("where", where(result)), ("again", again(result)))
    blocks.append("\n".join(f"  {word}   {text}" for word, text in last if text))
    return "\n\n".join(block for block in blocks if block)


def _headline(result: CheckResult) -> str:
    """Outcome, claim and, at the right edge of the first line, the points."""
    word, points = WORDS[result.outcome], of_points(result.earned, result.points)
    indent = len(word) + 2
    room = WIDTH - indent - len(points) - 2
    lines = textwrap.wrap(title(result), room, break_on_hyphens=False) or [""]
    rest = [" " * indent + line for line in lines[1:]]
    return "\n".join([f"{word}  {lines[0]:{room}}  {points}", *rest])


def _wrapped(text: str) -> str:
    lines = (textwrap.wrap(line, WIDTH - 2, break_on_hyphens=False) for line in text.split("\n"))
    return textwrap.indent("\n".join("\n".join(line) for line in lines), "  ")


def summary(grade: Grade) -> str:
    """Return one line such as ``86 of 100 points; 3 checks failed, 1 not implemented``."""
    counts = Counter(result.outcome for result in grade.results)
    words: dict[Outcome, str] = {
        "failed": "failed",
        "not_implemented": "not implemented",
        "crashed": "crashed",
        "timed_out": "timed out",
        "grader_error": "not judged",
    }
    parts = [f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome]]
    if parts:
        count, rest = parts[0].split(" ", 1)
        parts[0] = f"{count} check{'' if count == '1' else 's'} {rest}"
    line = of_points(grade.earned, grade.points)
    line += f"; {', '.join(parts) or 'all checks passed'}"
    if grade.undecided:
        waiting = (
            "1 point waits" if grade.undecided == 1 else f"{number(grade.undecided)} points wait"
        )
        line += f"; {waiting} for staff"
    return line
