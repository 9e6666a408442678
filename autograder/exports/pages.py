"""What pages have in common: harmless texts, one style, and a policy that lets nothing else in."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from autograder import messages
from autograder.plain_text import harmless

TEMPLATES = Path(__file__).resolve().parents[2] / "report_template"


def style(*sheets: str) -> Markup:
    """Return style sheets as one."""
    return Markup("\n".join(read(name) for name in ("style.css", *sheets)))


def script(name: str) -> Markup:
    return Markup(read(name))


def read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def source(text: str) -> str:
    """Return what a content security policy calls the text of an element of style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def template(name: str) -> Template:
    """Return the template of a page whose strings are made harmless, then escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["source"] = source
    return environment.get_template(name)


def shown(value: object) -> object:
    """Make every string of a page harmless; Jinja2 escapes it for HTML afterwards."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return harmless(value)
    return messages.number(value) if isinstance(value, float) else value
