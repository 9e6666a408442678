"""The report as one page that is safe to open: no scripts, nothing loaded, figures inside."""

import base64
import hashlib
import html
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import nh3
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markupsafe import Markup

from lab3.errors import LabError
from lab3.log.runlog import write_atomically
from tools.report import prose
from tools.report.structure import structured
from tools.report.texts import LANGUAGES, TEMPLATES, load_texts
from tools.report.writing import language_of, read_existing

# A formula opens before a non-space and closes behind one, so that prices stay prices.
FORMULA = r"(?<![\\$\w])(\$\$|\$)(?![\s$])((?:[^$\\]|\\[^\n]){1,2000}?)(?<!\s)\1(?![\d$])"
MATHML = set(
    """
    math semantics mrow mi mn mo ms mspace mtext mfrac msqrt mroot mstyle mpadded mphantom
    mfenced menclose msub msup msubsup munder mover munderover mmultiscripts mtable mtr mtd
    """.split()
)
MATHML_ATTRIBUTES = set(
    """
    display mathvariant stretchy fence form separator lspace rspace minsize maxsize width
    height depth linethickness accent accentunder movablelimits symmetric largeop
    columnalign rowspacing columnspacing displaystyle scriptlevel notation open close
    separators
    """.split()
)
TAGS = MATHML | set(
    """
    h1 h2 h3 h4 h5 h6 p br hr ul ol li dl dt dd
    strong em b i u s del ins sub sup small mark kbd
    code pre blockquote a img details summary div span
    table caption thead tbody tfoot tr th td
    """.split()
)
ATTRIBUTES = dict.fromkeys(MATHML, MATHML_ATTRIBUTES) | {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "details": {"open"},
    "ol": {"start"},
    "th": {"align", "colspan", "rowspan"},
    "td": {"align", "colspan", "rowspan"},
}
DROPPED = set("script style iframe object svg template noscript title".split())  # whole
IMAGE = re.compile(r'<img((?: [\w-]+="[^"]*")*)>')  # as nh3 writes it
KINDS = {
    ".png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    ".jpg": ("image/jpeg", b"\xff\xd8\xff"),
    ".jpeg": ("image/jpeg", b"\xff\xd8\xff"),
    ".gif": ("image/gif", b"GIF8"),
    ".webp": ("image/webp", b"RIFF"),
}
IMAGE_BYTES = 10_000_000
DATA = re.compile(r'src="data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=]+"')


class Formulas(Extension):
    """``$...$`` and ``$$...$$`` become MathML, outside of code."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (Markdown's own name)
        # Before backslash escapes (180), behind code between backticks (190).
        md.inlinePatterns.register(FormulaProcessor(FORMULA, md), "formulas", 185)


class FormulaProcessor(InlineProcessor):
    """Turns one formula into MathML; one that can't be read stays as it was written."""

    def handleMatch(  # type: ignore[override]  # noqa: N802
        self,
        m: re.Match[str],
        data: str,  # noqa: ARG002
    ) -> tuple[Element | str | None, int | None, int | None]:
        display = "block" if m[1] == "$$" else "inline"
        try:
            formula = convert(html.unescape(m[2]), display=display)
        except Exception:  # latex2mathml raises all kinds for what is no LaTeX
            code = Element("code")
            code.text = m[0]
            return code, m.start(), m.end()
        return self.md.htmlStash.store(formula), m.start(), m.end()


def page(text: str, folder: Path, language: str) -> tuple[str, list[str]]:
    """Return a report as HTML, and what is wrong with its images, which lie below ``folder``."""
    body, problems = embed_images(safe_html(text), folder)
    body = structured(body, language)
    for name in LANGUAGES:  # what is not answered yet stands out
        placeholder = load_texts(name)("prompts.placeholder").strip("*")
        body = body.replace(f"<p><em>{placeholder}</em>", f'<p class="open"><em>{placeholder}</em>')
    return framed(body, language), problems


def framed(body: str, language: str) -> str:
    """Return a body as a whole page with the kit's style, which no other style can join."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    title = re.search(r"<h1>(.*?)</h1>", body, re.DOTALL)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.j2").render(
        language=language,
        title=html.unescape(re.sub("<[^>]*>", "", title[1])) if title else "Lab 3",
        style=Markup(style),
        style_sha256=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        body=Markup(body),
    )


def safe_html(text: str) -> str:
    """Return Markdown as HTML in which nothing acts and nothing is loaded from elsewhere."""
    extensions: list[str | Extension] = ["fenced_code", "sane_lists", "md_in_html", Formulas()]
    tables = {"tables": {"use_align_attribute": True}}
    markup = Markdown(extensions=[*extensions, "tables"], extension_configs=tables).convert(text)
    return clean(markup)


def clean(markup: str, more_schemes: Collection[str] = ()) -> str:
    """Return HTML without anything that acts, is loaded or looks like the reader's browser."""
    return nh3.clean(
        markup,
        tags=TAGS,
        clean_content_tags=DROPPED,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto", *more_schemes},
        strip_comments=True,
        link_rel="noopener noreferrer nofollow",
    )


def embed_images(body: str, folder: Path) -> tuple[str, list[str]]:
    """Put images into the page as data; others become their text, and a problem each."""
    problems = []

    def embed(match: re.Match[str]) -> str:
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', match[1]))
        source, alt = attributes.get("src", ""), attributes.get("alt", "")
        try:
            data = image_data(unquote(html.unescape(source)), folder)
        except (OSError, ValueError) as error:
            problems.append(f"image {source[:100]!r} was left out: {error}")
            return f'<span class="missing">{alt}</span>'
        drawn = ' class="drawn"' if data.startswith("data:image/svg") else ""
        return f'<img src="{data}" alt="{alt}"{drawn}>'

    return IMAGE.sub(embed, body), problems


def image_data(source: str, folder: Path) -> str:
    """Return an image below ``folder`` as a data URI; of the kit's figures, the SVG."""
    if re.match(r"[a-z][a-z0-9+.-]*:|//", source, re.IGNORECASE):
        raise ValueError("only files beside the report can be shown: download it")
    path = (folder / source).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError("it lies outside of the report's folder: copy it there")
    if path.suffix.lower() not in KINDS:
        raise ValueError(f"only {', '.join(KINDS)} can be shown")
    kind, magic = KINDS[path.suffix.lower()]
    if not path.is_file():
        raise ValueError("there is no such file")
    if path.stat().st_size > IMAGE_BYTES:
        raise ValueError(f"it is larger than {IMAGE_BYTES / 1e6:g} MB")
    content = path.read_bytes()
    if not content.startswith(magic):
        raise ValueError(f"it holds no {path.suffix[1:].upper()} image")
    vector = path.with_suffix(".svg")
    if path.parent.name == "figures" and is_ours(vector):
        kind, content = "image/svg+xml", vector.read_bytes()
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def is_ours(path: Path) -> bool:
    """Tell whether an SVG is one that matplotlib drew, and stands for the PNG beside it."""
    try:
        return b"<dc:title>Matplotlib v" in path.read_bytes()[:2000]
    except OSError:
        return False


def page_of_others(
    report: bytes | None, page_: bytes | None, figures: Mapping[str, bytes]
) -> tuple[str, list[str]]:
    """Return what somebody handed in as a page that is safe to open, and what can't be shown.

    It is made of their Markdown and figures, or, where there is none, of their own page. Raises
    LabError when there is neither.
    """
    if report is not None:
        text = report.decode("utf-8", errors="replace")
        try:
            language = language_of(prose.parse(text)) or "en"
        except prose.MarkerError:
            language = "en"
        with TemporaryDirectory(prefix="lab3-report-") as folder:
            for name, content in figures.items():
                path = Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            return page(text, Path(folder), language)
    if page_ is None:
        raise LabError("neither report.md nor report.html was handed in")
    body = clean(page_.decode("utf-8", errors="replace"), {"data"})
    body = IMAGE.sub(lambda match: match[0] if DATA.search(match[1]) else "", body)
    return framed(body, "en"), []


def write_page(report: Path) -> tuple[Path, list[str]]:
    """Write ``report.html`` beside a report; return it, and what could not be shown."""
    language = language_of(read_existing(report)) or "en"
    text, problems = page(report.read_text(encoding="utf-8"), report.parent, language)
    target = report.with_suffix(".html")
    write_atomically(target, lambda file: file.write(text.encode()))
    return target, problems
