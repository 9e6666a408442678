"""A report read once: its parts, its statements, its facts. The rules see nothing else."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from tools.review.reading.cells import Cells, Grid, Tables, as_known
from tools.review.reading.code import read_code
from tools.review.reading.comparisons import read_comparisons
from tools.review.reading.composed import read_composed
from tools.review.reading.contract import read_contract
from tools.review.reading.document import Block, ReportText
from tools.review.reading.facts import Facts
from tools.review.reading.formulas import read_formulas
from tools.review.reading.hits import read_hits
from tools.review.reading.lexicon import Entry, Lexicon, load
from tools.review.reading.logs import curve_of, read_log
from tools.review.reading.losses import read_losses
from tools.review.reading.numbers import read_numbers
from tools.review.reading.parts import Parts, Section
from tools.review.reading.sentences import sentences
from tools.review.reading.settings import read_settings
from tools.review.reading.statements import Place, Statement
from tools.review.reading.words import Context, Words

TEST_IMAGES = re.compile(
    r"\b(\d{1,3}(?:,\d{3})+|\d{3,5}) test (?:images|samples)|[測测][試试][^。,;\d]{0,8}?(\d{1,3}(?:,\d{3})+|\d{3,5}) ?[張张]"
    r"|[tT]est (?:images|samples)[^.;\n\d]{0,24}?\bof (\d{1,3}(?:,\d{3})+|\d{3,5})\b"
    r"|(\d{1,3}(?:,\d{3})+|\d{3,5}) ?[張张][測测][試试]|[tT]est[^.;\n|]{0,40}?(\d{1,3}(?:,\d{3})+|\d{3,5}) images"
)
TABLES = 20  # that can be results of this lab
SENTENCES = 1_500  # many times the longest report; more would only take time
LONGEST = 100_000  # characters in which a batch is looked for
LABEL = 70  # characters that a label has at most


def read_sentence(words: Words, place: Place, before: str = "") -> Iterator[Statement]:
    """Yield what one sentence states."""
    yield from read_numbers(words, place)
    yield from read_hits(words, place)
    yield from read_losses(words, place)
    yield from read_comparisons(words, place)
    yield from read_settings(words, place)
    yield from read_contract(words, place, before)
    yield from read_composed(words, place)


def reading(text: str, lexicon: Lexicon, context: Context | None = None) -> tuple[Statement, ...]:
    """Return what a sentence states, for the tests of the lexicon."""
    words = Words(text, lexicon, context or Context())
    return tuple(read_sentence(words, Place(1, 0, text)))


class Report:
    """A student's report."""

    def __init__(self, text: str, lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or load()
        self.document = ReportText(text)
        self.parts = Parts(self.document, self.lexicon)
        self.sections: list[Section] = self.parts.sections
        self.sentences: list[tuple[Words, Place]] = []
        self.contexts: dict[int, Context] = {}
        self.introducing: set[int] = set()
        self._find_contexts()
        cells = self._cells()
        self.lexicon = self.lexicon.extended(_row_names(cells))
        logged, curves = self._logs()
        statements = [*self._prose(), *cells.statements, *logged]
        batches = batches_in(self.text, self.lexicon)
        self.facts = Facts(as_known(statements), cells, curves, images_in(self.text), batches)

    @cached_property
    def text(self) -> str:
        return "\n".join(block.text for block in self.document.blocks)

    @cached_property
    def own_text(self) -> str:
        """The text without what the template asks, and without code."""
        asked = self.parts.asking
        return "\n".join(
            block.text
            for block in self.document.blocks
            if block.kind in ("text", "table") and not asked.get(id(block))
        )

    def section(self, number: int) -> Section | None:
        return next((s for s in self.sections if s.number == number), None)

    def is_whole(self) -> bool:
        """Tell whether this is a report and not a part of one."""
        return len(self.sections) >= 3

    def _place(self, block: Block) -> Place:
        return Place(block.line, self.document.section(block.line), block.text)

    def _find_contexts(self) -> None:
        """Find for each block what headings and labels above it say it is about."""
        heading, label, label_depth = Context(), None, 0
        for block in self.document.blocks:
            if block.kind == "heading":
                heading, label = self._context(block.text), None
                continue
            if block.kind == "text" and label is not None and block.depth < label_depth:
                label = None
            self.contexts[id(block)] = label or heading
            if block.kind == "text" and self._introduces(block):
                label, label_depth = self._context(block.text, heading), block.depth
                self.introducing.add(id(block))

    def _prose(self) -> Iterator[Statement]:
        for block in self.document.blocks:
            place = self._place(block)
            if block.kind == "code":
                yield from read_code(block.raw, block.line, place.section)
            if block.kind != "text" or self.parts.asking.get(id(block)):
                continue
            yield from read_formulas(block.text, block.raw, place)
            if id(block) in self.introducing:
                continue
            before: Words | None = None
            last = ""
            for sentence in sentences(block):
                if len(self.sentences) >= SENTENCES:
                    return
                if self._requests(sentence.text):
                    continue  # of the template, in one paragraph with what answers it
                words = Words(sentence.text, self.lexicon, self.contexts[id(block)])
                words = self._continued(words, before)
                at = replace(place, line=sentence.line, text=sentence.text)
                self.sentences.append((words, at))
                yield from read_sentence(words, at, self.lexicon.normal(last))
                last = sentence.text
                before = words if words.models else before

    def _requests(self, text: str) -> bool:
        is_request = self.lexicon.has("prompt.request", text)
        return is_request and not self.lexicon.has("own_voice", text) and "=" not in text

    def _introduces(self, block: Block) -> bool:
        text = block.text.strip()
        return self.parts.is_label(block) or (
            text.endswith(":") and len(text) <= LABEL and "\n" not in text
        )

    def _context(self, text: str, above: Context | None = None) -> Context:
        """Return what a heading or label says that the text below it is about."""
        words = Words(text[:200], self.lexicon, Context())
        models = tuple(dict.fromkeys(m.kind for m in words.models))
        metrics = [t.kind for t in words.tags if t.is_of("metric")]
        splits = [t.kind for t in words.tags if t.is_of("split")]
        is_variant = any(t.is_of("variant") for t in words.tags)
        if not models and above is not None:
            models = above.models
        metric = metrics[0] if len(set(metrics)) == 1 else ""
        return Context(
            models if len(models) == 1 else (), metric, splits[0] if splits else "", is_variant
        )

    def _continued(self, words: Words, before: Words | None) -> Words:
        """Give a sentence that begins with a pronoun the network of the one before."""
        if before is None or words.models:
            return words
        kinds = {m.kind for m in before.models if m.start not in before.standards}
        pronouns = [t for t in words.tags if t.is_of("pronoun") and t.start < 24]
        if len(kinds) != 1 or not pronouns:
            return words
        return Words(words.text, self.lexicon, replace(words.context, models=tuple(kinds)))

    def _cells(self) -> Cells:
        tables = [b for b in self.document.blocks if b.table][:TABLES]
        grids = [
            Grid(
                block.table.rows,
                block.table.lines,
                self.document.section(block.line),
                number,
                self.contexts[id(block)].models,
                block.table.is_log,
            )
            for number, block in enumerate(tables, 1)
            if block.table
        ]
        return Tables(self.lexicon).read(grids)

    def _logs(self) -> tuple[list[Statement], list]:  # type: ignore[type-arg]
        statements, curves = [], []
        for block in self.document.blocks:
            if block.kind in ("code", "text"):
                found, drawn = read_log(block.raw, block.line, self.document.section(block.line))
                statements += found
                curves += drawn
        for block in self.document.blocks:
            if block.table and (curve := curve_of(block.table, self.lexicon)):
                curves.append(curve)
        return statements, curves


def _row_names(cells: Cells) -> Iterator[Entry]:
    """Yield the names that a report gives the settings it tried, as names of networks."""
    names = {s.label for s in cells.statements if s.model.startswith("row_")}
    for name in sorted(names):
        word = re.escape(name)
        alone = "(?<![A-Za-z0-9])(?-i:" + word + ")(?![A-Za-z0-9'])"
        if name in ("A", "I", "a", "i"):  # also words of English
            alone = f"(?:run|setting|row|model|experiment|baseline|config(?:uration)?) {word}(?![A-Za-z0-9])"
            alone += "(?! [a-z]+ (?:of|with|for)\\b)" if name.islower() else ""
            alone += f"|(?<![A-Za-z0-9 ]){word}(?= ?[\u3400-\u9fff])|(?<=[\u3400-\u9fff]) ?{word}(?![A-Za-z0-9])"
            alone += f"|^{word} (?=has|is|and|to)|(?<=(?:from|with|than) ){word}(?![A-Za-z0-9])"
            alone += f"(?! [a-z])|(?<=to ){word}(?= ?[.,;])" if name.islower() else ""
            alone += (
                f"|(?i:(?<=between )|(?<=from )){word} (?=(?:and|to) [a-h]\\b)"
                if name.islower()
                else ""
            )
            alone = f"(?-i:{alone})"
        elif name.islower() and len(name) == 1:
            # A letter that stands alone, not one of "i.e.", "x = c" or a formula.
            alone = rf"(?<![A-Za-z0-9.'\u2019=*/^-])(?<![=*/^] )(?-i:{word})(?![A-Za-z0-9.'=*/^-]*[A-Za-z0-9=*/^])(?! ?[=*/^(])"
        named = rf"(?:\b(?:our |the )?(?:baseline|final|run|setting|row) )?{alone}"
        yield Entry("report", f"model.row_{name.upper()}", named, ())


def images_in(text: str) -> int:
    """Return how many test images a report says it has; 10,000 when it says nothing."""
    for match in TEST_IMAGES.finditer(text):
        if not load().has("hyper.calibration", text[max(0, match.start() - 24) : match.start()]):
            return int(next(g for g in match.groups() if g).replace(",", ""))
    return 10_000


def batches_in(text: str, lexicon: Lexicon) -> tuple[int, ...]:
    """Return the batches that a report names beside a time or speed."""
    found = (int(m["value"]) for m in lexicon.matches("claim.batch_timed", text[:LONGEST]))
    return tuple(dict.fromkeys(found))[:4]
