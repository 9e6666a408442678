"""A grade as one page for its student: no scripts, nothing loaded, readable on a phone."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from autograder import messages
from autograder.plain_text import harmless
from autograder.results import CheckResult, Grade, total
from autograder.rubric import Disclosure

TEMPLATES = Path(__file__).resolve().parents[2] / "report_template"
OBSERVATIONS = 20
OUTPUT_LINES = 100


def feedback(grade: Grade, disclosure: Disclosure) -> str:
    """Return the page, with no more of hidden checks than ``disclosure`` allows."""
    grade = messages.visible(grade, disclosure)
    sheets = [TEMPLATES / name for name in ("palette.css", "style.css")]
    style = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    return page().render(grade=grade, style=Markup(style))


@cache
def page() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        {
            "again": messages.again,
            "earned": lambda results: total(r.earned for r in results),
            "evidence": lambda result: messages.evidence(result, OBSERVATIONS),
            "is_open": lambda result: result.outcome != "passed" or result.earned < result.points,
            "of_points": messages.of_points,
            "points": lambda results: total(r.points for r in results),
            "printed": printed,
            "sentences": messages.sentences,
            "summary": messages.summary,
            "title": messages.title,
            "where": messages.where,
            "words": messages.WORDS,
        }
    )
    return environment.get_template("feedback.html.j2")


def shown(value: object) -> object:
    """Make every string of the page harmless; Jinja2 escapes it for HTML afterwards."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return harmless(value)
    return messages.number(value) if isinstance(value, float) else value


def printed(result: CheckResult) -> str:
    return "\n".join(messages.clip(result.output, OUTPUT_LINES)) if result.output else ""
