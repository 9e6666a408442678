"""The grade of what could not be graded: nothing was read, or nothing came back."""

from autograder.grades.items import Facts, Item
from autograder.options import Options
from autograder.results import CheckResult, Grade, Outcome

VERBS = {"can't", "changed", "contradicts", "goes", "has", "holds", "is", "takes", "was"}


def unread(
    item: Item, facts: Facts, options: Options, problem: str, is_ours: bool = False
) -> Grade:
    """Return the grade of what can't be read; ``problem`` says why, to the student.

    It is staff's to look into where it ``is_ours``.
    """
    is_about_all = problem.split(" ")[0] in VERBS  # else it begins with the name of a file
    said = f"nothing can be graded: {'what was handed in ' if is_about_all else ''}{problem}"
    return unjudged(item, facts, options, "grader_error" if is_ours else "failed", said)


def unjudged(item: Item, facts: Facts, options: Options, outcome: Outcome, said: str) -> Grade:
    """Return a grade without points, whose every check says the same; one tells it, others wait."""
    entries = [entry for entry in facts.rubric.entries if options.asks(entry, has_runs=True)]
    first = entries[0]
    results = tuple(
        CheckResult(
            check=entry.check,
            visibility=entry.visibility,
            claim=facts.claims[entry.check],
            points=entry.points,
            outcome=outcome,
            share=0.0,
            said=said,
            waits_for=None if entry is first else first.check,
            seconds=0.0,
        )
        for entry in entries
    )
    return Grade(
        submission=item.folder,
        submission_sha256=item.content,
        rubric_sha256=facts.rubric.sha256,
        asked_sha256=facts.rubric.asked_sha256,
        kit=facts.kit,
        sources_sha256=facts.sources_sha256,
        torch=facts.torch,
        engine=facts.engine,
        tier=facts.tier,
        walls=facts.walls,
        seed="0",
        data_set=None,
        test_set=str(options.test_set or ""),
        is_exact=options.is_exact,
        accuracy_error=facts.document.accuracy_error,
        problems=(said,),
        unread=said if outcome == "failed" else "",
        results=results,
        seconds=0.0,
    )
