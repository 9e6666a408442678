"""A grade as JUnit XML, for what shows test results: CI servers and editors."""

import xml.etree.ElementTree as ET
from collections import Counter

from autograder.messages import ANONYMOUS, clip, describe, number, title
from autograder.plain_text import harmless
from autograder.results import CheckResult, Grade

OUTPUT_LINES = 100
ERRORS = ("crashed", "timed_out", "grader_error")


def junit(grade: Grade) -> str:
    """Return the document. Everything in the grade may be told: see ``messages.visible``.

    A claim that doesn't hold, or isn't implemented, is a failure; all else that isn't passed is an
    error.
    """
    root = ET.Element("testsuites", name="lab3")
    suite = ET.SubElement(root, "testsuite", name=harmless(grade.submission))
    for element in (root, suite):
        element.set("tests", str(len(grade.results)))
        element.set("failures", str(sum(tag(r) == "failure" for r in grade.results)))
        element.set("errors", str(sum(tag(r) == "error" for r in grade.results)))
        element.set("skipped", "0")
        element.set("time", f"{grade.seconds:.3f}")
    facts = {
        "points": number(grade.points),
        "earned": number(grade.earned),
        "undecided": number(grade.undecided),
        "kit": grade.kit,
        "rubric_sha256": grade.rubric_sha256,
        "submission_sha256": grade.submission_sha256,
        "tier": grade.tier,
    }
    add_properties(suite, facts)
    names: Counter[tuple[str, str]] = Counter()
    for result in grade.results:
        add_case(suite, result, names)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def tag(result: CheckResult) -> str | None:
    """Return the element that tells this outcome; None for a claim that holds."""
    if result.outcome == "passed":
        return None
    return "error" if result.outcome in ERRORS else "failure"


def add_case(suite: ET.Element, result: CheckResult, names: Counter[tuple[str, str]]) -> None:
    """Add a test case whose name is unique, because readers drop or merge what isn't."""
    is_marked = result.visibility == "hidden" and result.name != ANONYMOUS
    name = harmless(result.name) + " (hidden)" * is_marked
    names[result.group, name] += 1
    nth = names[result.group, name]
    case = ET.SubElement(
        suite,
        "testcase",
        classname=harmless(result.group),
        name=f"{name} ({nth})" if nth > 1 else name,
        time=f"{result.seconds:.3f}",
    )
    facts = {
        "points": number(result.points),
        "earned": number(result.earned),
        "outcome": result.outcome,
        "visibility": result.visibility,
    }
    add_properties(case, facts)
    if kind := tag(result):
        problem = ET.SubElement(case, kind, type=result.outcome, message=title(result))
        problem.text = describe(result)
    if result.output:
        ET.SubElement(case, "system-out").text = "\n".join(clip(result.output, OUTPUT_LINES))


def add_properties(element: ET.Element, facts: dict[str, str]) -> None:
    properties = ET.SubElement(element, "properties")
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=name, value=harmless(value))
