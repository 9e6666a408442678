"""The sections of a report: what in them is the student's own, and what the template asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.review.reading.document import SECTIONS, Block, ReportText
from tools.review.reading.lexicon import Lexicon

SENTENCE = re.compile(r"(?<=[.。!?])\s+|(?<=[。?])")
QUESTION = re.compile(r"\?\s*[)*_]*\s*$")
LONGEST = 420  # characters of a prompt
WIDE = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]")
LETTER = re.compile(r"[A-Za-z0-9]")
TITLE = re.compile(r"^\W*(?:[0-9.]+|[a-z]\))?\s*[^:.?。]{1,60}:\s*")
FILLER = re.compile(r"[\W_]*")


@dataclass(frozen=True)
class Prompt:
    """A question or request of the template, and whether something answers it."""

    block: Block
    is_answered: bool
    is_label: bool = False
    has_placeholder: bool = False  # where the answer has to come


@dataclass
class Section:
    """One of the six sections: its heading's line, its blocks, and the prompts among them."""

    number: int
    line: int
    heading: str
    blocks: list[Block] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    own: list[Block] = field(default_factory=list)
    has_placeholder: bool = False
    before: "Section | None" = field(default=None, repr=False)

    @property
    def title(self) -> str:
        return SECTIONS[self.number - 1]

    @property
    def own_text(self) -> str:
        return "\n".join(block.text for block in self.own)

    @property
    def is_empty(self) -> bool:
        return not self.own


class Parts:
    """Splits a report into its sections with a lexicon."""

    def __init__(self, document: ReportText, lexicon: Lexicon) -> None:
        self.document, self.lexicon = document, lexicon
        self.asking = {id(b): self.is_prompt(b) for b in document.blocks if b.kind == "text"}
        self.sections = list(self._sections())

    def _sections(self) -> Iterator[Section]:
        before = None
        edges = [*(h.line for h in self.document.headings), self.document.last_line + 1]
        for heading, end in zip(self.document.headings, edges[1:], strict=True):
            blocks = [b for b in self.document.blocks if heading.line <= b.line < end]
            section = Section(heading.section, heading.line, blocks[0].text if blocks else "")
            section.blocks = blocks[1:]
            section.own = [b for b in section.blocks if self.is_own(b)]
            section.has_placeholder = any(
                b.kind in ("text", "heading") and self.is_placeholder(line)
                for b in section.blocks
                for line in b.text.split("\n")
                if line.strip()
            )
            section.prompts = list(self._prompts(section.blocks))
            section.before, before = before, section
            yield section

    def is_own(self, block: Block) -> bool:
        """Tell whether a block says something: no prompt, label, heading or placeholder."""
        if block.kind in ("heading", "rule"):
            return False
        if block.kind == "table":
            return True
        if block.kind == "code":
            return bool(block.raw.strip())
        if "![" in block.raw or "<img" in block.raw.lower():
            return True
        if self.asking.get(id(block)) or self.is_label(block) or self.is_placeholder(block.text):
            return False
        return amount(block.text) > 0

    def is_placeholder(self, text: str) -> bool:
        """Tell whether nothing but a placeholder stands there."""
        if not text.strip() or (FILLER.fullmatch(text) is not None and "..." not in text):
            return bool(re.search(r"[_?\u2026\u25cb]{2,}", text))
        return self.lexicon.has("placeholder.whole", text.strip())

    def is_label(self, block: Block) -> bool:
        """Tell whether a block only introduces what follows: "Answer:", a name in bold."""
        text = block.text.strip()
        if "\n" in text or len(text) > 60 or not text or "![" in block.raw:
            return False
        is_bold = re.fullmatch(r"\s*(?:[-*+]\s+)?(?:\*\*|__)[^*_]+(?:\*\*|__)\s*:?\s*", block.raw)
        return text.endswith(":") or is_bold is not None

    def is_prompt(self, block: Block) -> bool:
        """Tell whether a block only asks, in one sentence or several."""
        text = " ".join(block.text.split())
        if block.kind != "text" or len(text) > LONGEST or self.is_placeholder(text):
            return False
        rest = text
        if self.lexicon.has("label.request", text):
            return True
        pieces = [_unlabelled(p.strip()) for p in SENTENCE.split(rest) if p.strip(" *_")]
        rest = " ".join(pieces)
        if not pieces or self.lexicon.has("own_voice", rest):
            return bool(pieces) and all(self._asks(p) for p in pieces)
        return all(self._asks(p) or self._requests(p, block) for p in pieces)

    def _asks(self, sentence: str) -> bool:
        is_question = QUESTION.search(sentence) is not None
        return is_question and self.lexicon.has("prompt.question", sentence)

    def _requests(self, sentence: str, block: Block) -> bool:
        ends = sentence.rstrip(" *_")[-1:] in ".:。)?" or "**" in block.raw
        return ends and self.lexicon.has("prompt.request", sentence)

    def _prompts(self, blocks: list[Block]) -> Iterator[Prompt]:
        """Yield the prompts of a section; enough own text behind them answers them."""
        index = 0
        while index < len(blocks):
            block = blocks[index]
            if self.is_label(block) and self.asking.get(id(block)) is not True:
                yield Prompt(block, not self._is_bare(blocks, index), is_label=True)
            if not self.asking.get(id(block)):
                index += 1
                continue
            run = [block]
            while index + len(run) < len(blocks) and self.asking.get(id(blocks[index + len(run)])):
                run.append(blocks[index + len(run)])
            index += len(run)
            yield from self._answered(run, blocks, index)

    def _answered(self, run: list[Block], blocks: list[Block], index: int) -> Iterator[Prompt]:
        """Yield the prompts of a run, with what follows it up to the next prompt."""
        is_later = any(b.kind == "heading" for b in blocks[index:])
        answers: list[Block] = []
        for block in blocks[index:]:
            if self.asking.get(id(block)) or (block.kind == "heading" and answers):
                break
            if self.is_own(block):
                answers.append(block)
        later = [b for b in blocks[index:] if self.is_own(b)]
        total = sum(amount(b.text) if b.kind == "text" else 60 for b in answers)
        shows = bool(answers) and answers[0].kind in ("table", "code")
        shows |= bool(answers) and "![" in answers[0].raw
        is_nested = bool(answers) and answers[0].depth > run[-1].depth
        for number, block in enumerate(run, 1):
            is_last = number == len(run)
            asks = QUESTION.search(block.text.strip()) is not None
            if self._is_head(run, number):
                continue
            if self.lexicon.has("prompt.optional", block.text):
                continue
            if not answers:
                is_answered = bool(later) and is_later and block.depth <= run[0].depth
            elif is_last:
                is_answered = True
            elif is_nested and block.depth == run[-1].depth:
                is_answered = shows and not asks
            else:
                is_answered = (shows and not asks) or total >= 40 * (len(run) - number + 1)
                is_answered |= is_later and bool(later)
            after = blocks[index] if index < len(blocks) else None
            is_left = after is not None and after.kind == "text" and self.is_placeholder(after.text)
            yield Prompt(block, is_answered, has_placeholder=is_left and not answers)

    def _is_head(self, run: list[Block], number: int) -> bool:
        """Tell whether a request announces others, which are asked themselves."""
        if number >= len(run):
            return False
        block, after = run[number - 1], run[number]
        return after.depth > block.depth or block.text.strip().endswith(":")

    def _is_bare(self, blocks: list[Block], index: int) -> bool:
        """Tell whether nothing follows a label: the section's end, a heading, another label."""
        block = blocks[index]
        if not block.text.strip().endswith(":") or "![" in block.raw:
            return False
        if index + 1 >= len(blocks):
            return True
        after = blocks[index + 1]
        is_next = self.is_label(after) and after.depth <= block.depth and "![" not in after.raw
        if is_next and ("**" in block.raw) != ("**" in after.raw):
            return self._is_bare(blocks, index + 1)  # "**Settings:**" and "These were used:"
        return after.kind in ("heading", "rule") or is_next


def _unlabelled(text: str) -> str:
    """Return a sentence without the label before it: "Model Size: Compare ..."."""
    match = TITLE.match(text)
    return text[match.end() :] or text if match else text


def amount(text: str) -> int:
    """Return how much a text says, in letters; a Chinese character counts as three."""
    return 3 * len(WIDE.findall(text)) + len(LETTER.findall(text))
