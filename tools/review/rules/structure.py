"""Is everything there? Sections, answers, results; and is nothing left of the template?"""

import re
from collections.abc import Iterator
from itertools import pairwise

from tools.review.findings import Finding
from tools.review.reading.document import Block, ReportText
from tools.review.reading.results import Cell, Results
from tools.review.reading.words import (
    ANSWER_LABEL,
    BEHIND_A_QUESTION,
    INTERROGATIVE,
    ONLY_PLACEHOLDER,
    OPTIONAL,
    OWN_VOICE,
    PLACEHOLDER,
    QUESTION,
    REQUEST,
    SECTIONS,
)

BOLD_QUESTION = re.compile(r"^\s*\*\*[^*]+[?？]\s*\*\*")
UNFILLED = re.compile(r"\.{2,}|…+|[xX]{2,}|\?{2,}")
STRUCTURAL = ("heading", "rule")


def review_structure(document: ReportText, results: Results) -> Iterator[Finding]:
    yield from sections(document)
    yield from prompts(document)
    yield from placeholders(document)
    yield from empty_cells(document, results)


def sections(document: ReportText) -> Iterator[Finding]:
    """Yield sections that are missing, and those that come before an earlier one."""
    present = [heading.section for heading in document.headings]
    for number, (title, _) in enumerate(SECTIONS, 1):
        if number not in present:
            after = (h.line for h in document.headings if h.section > number)
            yield Finding(
                rule="section-missing",
                line=min(after, default=document.last_line),
                section=number,
                says="",
                should=f"a section {number}, {title}",
                why="no heading names it",
                sure="likely",
            )
    for before, heading in pairwise(document.headings):
        if heading.section < before.section:
            yield document.finding(
                "section-order",
                heading.line,
                SECTIONS[heading.section - 1][0],
                f"section {heading.section} before section {before.section}",
                "the handout gives the order in which reports are read and graded",
                "likely",
            )


def prompts(document: ReportText) -> Iterator[Finding]:
    """Yield questions of the template that nothing answers.

    Prompts in a row that end in a table or figure are answered by it: the template has such.
    """
    blocks = document.blocks
    asks = [is_prompt(block) for block in blocks]
    answers = [len(blocks)] * (len(blocks) + 1)  # where the run of prompts ends that a block is in
    for index in reversed(range(len(blocks))):
        answers[index] = answers[index + 1] if asks[index] else index
    for index, block in enumerate(blocks):
        is_label = block.kind == "text" and ANSWER_LABEL.match(block.text) is not None
        is_asked = asks[index] and not OPTIONAL.search(block.text)
        if (is_label and _is_end(blocks, index + 1)) or (
            is_asked and _is_open(blocks, index, answers[index])
        ):
            yield _unanswered(document, block)


def is_prompt(block: Block) -> bool:
    """Tell whether a block only asks: a question, or a request, with no more behind it."""
    text = block.text.strip()
    if block.kind != "text" or len(text) > 300 or ONLY_PLACEHOLDER.match(text):
        return False
    if BOLD_QUESTION.match(block.raw):
        rest = re.split(r"(?<=[?.。!])\s*", text.partition("?")[2])
        return all(
            QUESTION.search(s) or BEHIND_A_QUESTION.match(s) for s in map(str.strip, rest) if s
        )
    if QUESTION.search(text):
        *others, _ = re.split(r"(?<=[?.。!])\s+|(?<=[?。])", text)
        is_short = all(QUESTION.search(o) or REQUEST.match(o) or not o.strip() for o in others)
        return is_short and INTERROGATIVE.search(text) is not None
    return len(text) <= 220 and REQUEST.match(text) is not None and _is_request(block)


def _is_request(block: Block) -> bool:
    """Requests are one or two sentences and end like one; anything longer is an answer."""
    text = block.text.strip()
    sentences = [s for s in re.split(r"(?<=[.。!])\s*", text) if s]
    is_like_one = text[-1] in ".:。)" or "**" in block.raw
    return len(sentences) <= 2 and is_like_one and not OWN_VOICE.search(text)


def _is_open(blocks: list[Block], index: int, following: int) -> bool:
    """Tell whether a prompt has no answer; ``following`` is the first block that isn't one."""
    if _is_end(blocks, following):
        return not _has_nested(blocks, index)
    is_next = following == index + 1
    shows = blocks[following].kind in ("table", "code") or "![" in blocks[following].raw
    is_question = QUESTION.search(blocks[index].text.strip()) is not None
    if not is_next and (is_question or not shows):
        return not _has_nested(blocks, index)
    return False


def _has_nested(blocks: list[Block], index: int) -> bool:
    """Tell whether a request is the head of a list of others, which are asked themselves."""
    block = blocks[index]
    after = blocks[index + 1] if index + 1 < len(blocks) else None
    if after is None or not is_prompt(after):
        return False
    is_announced = block.text.strip()[-1] in ":" and after.depth >= block.depth
    return after.depth > block.depth or is_announced


def _is_end(blocks: list[Block], index: int) -> bool:
    return index >= len(blocks) or blocks[index].kind in STRUCTURAL


def _unanswered(document: ReportText, block: Block) -> Finding:
    return document.finding(
        "prompt-unanswered",
        block.line,
        block.text,
        "an answer",
        "nothing follows before the next question or heading",
        "likely",
    )


def placeholders(document: ReportText) -> Iterator[Finding]:
    """Yield what stands where an answer or a number has to come."""
    for block in document.blocks:
        if block.kind == "table" and block.table:
            for row, line in zip(block.table.rows, block.table.lines, strict=True):
                for cell in row:
                    if PLACEHOLDER.search(cell) or UNFILLED.fullmatch(cell):
                        yield _placeholder(document, line, cell)
            continue
        if block.kind not in ("text", "heading"):
            continue
        text = block.text
        if ONLY_PLACEHOLDER.match(text) and text.strip():
            yield _placeholder(document, block.line, text)
        elif match := PLACEHOLDER.search(text):
            yield _placeholder(document, block.line + text.count("\n", 0, match.start()), match[0])


def _placeholder(document: ReportText, line: int, text: str) -> Finding:
    return document.finding(
        "placeholder",
        line,
        text,
        "your answer or number",
        "a placeholder is left",
        "certain",
    )


def empty_cells(document: ReportText, results: Results) -> Iterator[Finding]:
    """Yield results that a table has a place for but doesn't give; a baseline has no drop."""
    for table in results.tables:
        for row in table:
            for metric in ("size", "accuracy", "drop"):
                cell = row.cells.get(metric)
                is_needed = metric != "drop" or row.model != "fp32"
                if cell and is_needed and _is_empty(cell):
                    yield _empty(document, cell.line, f"{row.label}: {cell.header}")
    for settings in results.ablations:
        for setting in settings:
            values = [*setting.values.values()][1:]
            if setting.accuracy and _is_empty(setting.accuracy):
                is_all = not any(value.strip() for value in values)
                header = "the whole row" if is_all and values else setting.accuracy.header
                yield _empty(document, setting.line, header)
    for cell in results.settings:
        if not cell.text.strip():
            yield _empty(document, cell.line, cell.header)


def _is_empty(cell: Cell) -> bool:
    """A placeholder such as ``...`` is named by its own rule."""
    return cell.is_blank and not re.fullmatch(r"\.{3}|\?{2,}", cell.text)


def _empty(document: ReportText, line: int, what: str) -> Finding:
    return document.finding(
        "cell-empty",
        line,
        what,
        "the number that was measured",
        "the cell is empty",
        "certain",
    )
