"""What is left of the template, of an earlier draft, or of a chat."""

import re
from dataclasses import dataclass

from tools.review.findings import quote
from tools.review.reading.cells import Cell
from tools.review.reading.document import Block
from tools.review.reading.facts import Facts
from tools.review.reading.report import Report
from tools.review.reading.statements import FP32, Place
from tools.review.rules.registry import Fault, rule

UNFILLED = re.compile(r"\.{2,}|…+|[xX]{2,}(?:\.[xX]+)?\s*%?|\?{2,}|_{2,}")
UNKNOWN = re.compile(r"\W*\?{2,}\W*")
BRACKETED = re.compile(r"^\W*\[[^\]\n]{3,60}\]\W*$")


@dataclass(frozen=True)
class Leftover:
    """A piece of text that stands for one that has to come."""

    place: Place
    says: str
    question: str = ""  # that stands before it


def leftovers(report: Report) -> list[Leftover]:
    """Return the placeholders of a report."""
    found = []
    lexicon, parts = report.lexicon, report.parts
    bare = {
        p.block.line for s in report.sections for p in s.prompts if p.is_label and not p.is_answered
    }
    blocks = report.document.blocks
    for index, block in enumerate(blocks):
        section = report.document.section(block.line)
        if block.table:
            for row, line in zip(block.table.rows, block.table.lines, strict=True):
                for cell in row:
                    is_blank = lexicon.roles["blank"].fullmatch(lexicon.normal(cell))
                    if is_blank and not UNKNOWN.fullmatch(cell):
                        continue
                    is_left = lexicon.has("placeholder.part", cell) or UNFILLED.fullmatch(cell)
                    if is_left or (cell and parts.is_placeholder(cell) and not _is_dash(cell)):
                        found.append(Leftover(Place(line, section, cell), cell))
            continue
        if block.kind not in ("text", "heading"):
            continue
        is_answer = index > 0 and parts.asking.get(id(blocks[index - 1]))
        if block.line in bare and block.kind == "text" and not is_answer:
            found.append(Leftover(Place(block.line, section, block.text), block.text))
            continue
        is_above = index + 1 < len(blocks) and blocks[index + 1].kind != "heading"
        is_title = block.kind == "heading" and not block.text.rstrip().endswith(("...", "…"))
        if is_title and is_above and parts.is_placeholder(block.text):
            continue  # "Your answer", and below it the answer
        for offset, text in enumerate(block.text.split("\n")):
            if lexicon.has("placeholder.quoted", text):
                continue
            match = lexicon.search("placeholder.part", text)
            is_whole = bool(text.strip()) and parts.is_placeholder(text)
            if match or is_whole:
                line = block.line + offset
                says = match[0] if match and not is_whole else text
                asked = question(blocks[index - 1]) if is_answer and is_whole else ""
                found.append(Leftover(Place(line, section, text), says, asked))
    return found


def question(block: Block) -> str:
    """Return the first sentence of what a template asks."""
    text = " ".join(block.text.split()).strip("*_ ")
    return re.split(r"(?<=[?？:])[\s*_]", text, maxsplit=1)[0].strip("*_ ")


def _is_dash(cell: str) -> bool:
    return not re.search(r"[\w?\u2026\u25cb]|\.\.", cell)


@rule(
    "placeholder",
    "No placeholder is left.",
    wrong=[
        "The accuracy is xx.xx %.",
        "TODO: explain",
        "- Best classes: [read off the matrix]",
        "準確率待補。",
        "## 6. Discussion\n\n#### Problem 1: ...\n- **Cause**:\n- **Solution**:\n",
    ],
    right=["### Your Answer\n\nIt works as follows.\n", "We wrote a todo list."],
)
def placeholder(leftover: Leftover, _: Facts) -> Fault | None:
    return Fault(
        leftover.place,
        f"your answer to: {quote(leftover.question)}"
        if leftover.question
        else "your answer or number",
        "a placeholder is left",
        "certain",
        says=leftover.says,
        key=f"{leftover.place.line}",
    )


@rule(
    "cell-empty",
    "Every result in a table is filled in.",
    wrong=[
        "| Model | Size (MB) | Accuracy (%) |\n|---|---|---|\n| FP32 | 94.40 | 93.80 |\n| PTQ | 23.66 | |\n"
    ],
    right=[
        "| Model | Accuracy (%) | Drop |\n|---|---|---|\n| FP32 | 93.80 | - |\n| PTQ | 93.10 | 0.7 |\n"
    ],
)
def cell_empty(cell: Cell, _: Facts) -> Fault | None:
    if cell.metric not in ("size", "accuracy", "drop", "value") or ":" in cell.model:
        return None
    if (cell.metric == "drop" and cell.model == FP32) or UNFILLED.fullmatch(cell.text):
        return None
    if cell.split in ("train", "validation"):
        return None
    return Fault(
        Place(cell.line, 0, f"{cell.label}: {cell.header}"),
        "the number that was measured",
        "the cell is empty",
        "certain",
        key=f"{cell.line}",
    )


@rule(
    "chat-residue",
    "The text is addressed to its readers.",
    wrong=["Great question! I'll walk you through it.\n\nThe clamp keeps your code safe."],
    right=["I hope that the next lab is shorter."],
)
def chat_residue(report: Report, _: Facts) -> Fault | None:
    lexicon = report.lexicon
    lines = []
    addressed = []
    for block in report.document.blocks:
        if block.kind not in ("text", "heading"):
            continue
        for offset, text in enumerate(block.text.split("\n")):
            if lexicon.has("chat.certain", text):
                lines.append((block.line + offset, text))
            elif lexicon.has("chat.addressing", text) and not report.parts.asking.get(id(block)):
                addressed.append((block.line + offset, text))
    if not lines:
        return None
    (line, text), *others = lines
    return Fault(
        Place(line, 0, text),
        "your own text",
        "this reads like the answer of a chat assistant",
        "possible",
        also=tuple(n for n, _ in [*others, *addressed]),
    )
