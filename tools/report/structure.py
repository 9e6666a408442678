"""What a page has beside its words: contents, captions of figures, an appendix of long tables.

It is made of HTML that was sanitised before, in which nothing else has these tags and attributes.
"""

import re

from tools.report.texts import load_texts

HEADING = re.compile(r"<h([23])>(.*?)</h\1>", re.DOTALL)
FIGURE = re.compile(r"<p>(<img [^>]*>)</p>\s*<p>(<strong>[^<]{1,20}\.</strong>.*?)</p>", re.DOTALL)
DETAILS = re.compile(
    r"<details>\s*<summary>(?P<title>.*?)</summary>(?P<content>.*?)</details>", re.DOTALL
)
TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
LONG = 15  # rows, from which a folded table goes to the appendix
SHORT = 25  # rows, up to which a table fits on a page and is not torn


def structured(body: str, language: str) -> str:
    """Return a report's body with contents, figures, boxes for wide tables, and its appendix."""
    t = load_texts(language)
    parts: list[str] = []

    def move(match: re.Match[str]) -> str:
        if match["content"].count("<tr>") <= LONG:
            return match[0]
        parts.append(match[0])
        link = f'<a href="#appendix-{len(parts)}">{match["title"]}</a>'
        return f"<p>{t('captions.in_appendix', link=link)}</p>"

    body = FIGURE.sub(r"<figure>\1<figcaption>\2</figcaption></figure>", DETAILS.sub(move, body))
    if parts:
        items = (
            part.replace("<details>", f'<details id="appendix-{number}">', 1)
            for number, part in enumerate(parts, 1)
        )
        title = f"<h2>{t('headings.appendix')}</h2>"
        body += f'<section class="appendix">{title}{"".join(items)}</section>'
    return TABLE.sub(boxed, with_contents(body, t("headings.contents")))


def boxed(match: re.Match[str]) -> str:
    """Put a table into a box that scrolls, and is reached with the keyboard."""
    kind = "wide short" if match[0].count("<tr>") <= SHORT else "wide"
    return f'<div class="{kind}" tabindex="0" role="group">{match[0]}</div>'


def with_contents(body: str, title: str) -> str:
    """Give headings names and list them behind the first paragraphs; nothing for a few."""
    found: list[tuple[str, str]] = []

    def name(match: re.Match[str]) -> str:
        found.append((match[1], match[2]))
        return f'<h{match[1]} id="section-{len(found)}">{match[2]}</h{match[1]}>'

    named = HEADING.sub(name, body)
    if len(found) < 3:
        return named
    lines, is_open = [], False
    for number, (level, words) in enumerate(found, 1):
        if (level == "3") != is_open:
            lines.append("<ul>" if level == "3" else "</ul></li>")
            is_open = not is_open
        elif lines and level == "2":
            lines.append("</li>")
        link = f'<a href="#section-{number}">{re.sub("<[^>]*>", "", words)}</a>'
        lines.append(f"<li>{link}" if level == "2" else f"<li>{link}</li>")
    lines.append("</ul></li>" if is_open else "</li>")
    items = "".join(lines)
    contents = f'<nav aria-label="{title}"><h2>{title}</h2><ul>{items}</ul></nav>'
    return named.replace("<h2 ", f"{contents}<h2 ", 1)
