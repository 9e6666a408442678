"""The report as a file: made anew around the prose that is there already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lab3.errors import LabError
from lab3.log.runlog import write_atomically
from tools.report import prose
from tools.report.figures import drawing
from tools.report.sections import SECTIONS
from tools.report.sections.context import Context
from tools.report.sources import Sources
from tools.report.texts import LANGUAGES, TEMPLATES, load_texts

FIGURES = "figures"
NOTHING = prose.SplitReport("", ())


@dataclass
class Written:
    """What was written, and what the user should know of it."""

    report: Path
    figures: list[Path]
    edits: list[prose.Edit] = field(default_factory=list)
    backup: Path | None = None
    unanswered: int = 0
    warnings: list[str] = field(default_factory=list)


def write_report(
    path: Path,
    sources: Sources,
    language: str | None = None,
    answers: Mapping[str, str] | None = None,
    force: bool = False,
) -> Written:
    """Write ``report.md`` and its figures; prose of a report that is there already stays.

    ``answers``, by name of the question, are put where nothing was answered yet. When generated
    regions were edited by hand, the old file is kept beside the new one. Raises LabError, having
    written nothing, when the old file can't be read, or is none of ours: ``force`` writes behind
    what it holds, and keeps a copy of it.
    """
    existing = read_existing(path)
    is_foreign = bool(existing.head and not existing.regions)
    if is_foreign and not force:
        raise LabError(
            f"{path} was not made by lab3 report, and is left as it is: name another file with "
            "--out, or let --force write behind your text (a copy of the file is kept)"
        )
    texts = load_texts(language or language_of(existing) or "en")
    with drawing.style(font := drawing.cjk_font(is_needed=texts.language != "en")):
        labels = texts if font or texts.language == "en" else load_texts("en")
        context = Context(sources, texts, labels, path.parent / FIGURES, path.parent)
        fresh = prose.parse(render(context, answers or {}))
        placeholders = [load_texts(name)("prompts.placeholder") for name in LANGUAGES]
        heading = f"## {texts('headings.unplaced')}"
        merged, edits = prose.merge(fresh, existing, placeholders, heading)
        figures = [figure for draw in context.drawings for figure in draw()]
    written = Written(path, figures, edits)
    if texts.language != "en" and font is None:
        written.warnings.append(
            "this computer has no font with Chinese characters, so figures are labelled in "
            "English: install one (Debian: apt-get install fonts-noto-cjk) and run this again"
        )
    if edits or is_foreign:
        written.backup = back_up(path)
    content = merged.text().encode()
    write_atomically(path, lambda file: file.write(content))
    written.unanswered = sum(region.prose in placeholders for region in merged.regions)
    return written


def text_of(
    sources: Sources, folder: Path, answers: Mapping[str, str], language: str = "en"
) -> str:
    """Return the report of a folder's runs without drawing its figures."""
    texts = load_texts(language)
    context = Context(sources, texts, texts, folder / FIGURES, folder)
    merged, _ = prose.merge(prose.parse(render(context, answers)), NOTHING, [], "")
    return merged.text()


def render(context: Context, answers: Mapping[str, str]) -> str:
    """Return the report as it is without any prose but ``answers``."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; the page is sanitised when it is made
    )
    t = context.t
    return environment.get_template("lab_report.md.j2").render(
        t=t,
        answer=lambda name: answers.get(name, t("prompts.placeholder")).strip(),
        blocks={
            name: [text for text in section(context) if text] for name, section in SECTIONS.items()
        },
    )


def read_existing(path: Path) -> prose.SplitReport:
    """Return the report that is there; raise LabError when its prose can't be told apart."""
    try:
        return prose.parse(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        return NOTHING
    except OSError as error:
        raise LabError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LabError(f"{path} is not UTF-8: save it as UTF-8 in your editor") from None
    except prose.MarkerError as error:
        lines = "\n".join(f"{path}:{fault}" for fault in str(error).splitlines())
        raise LabError(
            f"{lines}\nnothing was changed: each generated part stands between a line "
            f"<!-- lab3: NAME --> and a line {prose.END}; mend these lines, or move your report "
            "away, run lab3 report again and paste your answers into the new one"
        ) from None


def language_of(document: prose.SplitReport) -> str | None:
    """Return the language that a report was written in, by its title."""
    for region in document.regions:
        for language in LANGUAGES:
            if region.body.startswith(f"# {load_texts(language)('headings.title')}"):
                return language
    return None


def back_up(path: Path) -> Path:
    """Copy the report to a name that is still free, and return it."""
    number = 1
    while (backup := path.with_name(f"{path.stem}.before-{number}{path.suffix}")).exists():
        number += 1
    content = path.read_bytes()
    write_atomically(backup, lambda file: file.write(content))
    return backup
