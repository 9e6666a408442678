"""Is it a report of this lab, and is everything there?"""

import re

from tools.review.reading.document import SECTIONS
from tools.review.reading.facts import QUANTIZED, Facts
from tools.review.reading.parts import Section, amount
from tools.review.reading.report import Report
from tools.review.reading.statements import FP32, INT8, NAMES, PTQ, QAT, Place
from tools.review.rules.registry import Fault, rule

WHOLE = "".join(f"## {n}. {title}\n\n{{{n}}}\n\n" for n, title in enumerate(SECTIONS, 1))
FEWEST = 3  # sections of what is meant as the whole report
LAB = {
    1: "QuantStub and DeQuantStub, fused layers, FloatFunctional.",
    2: "![c](https://example.org/c.png)\n\nThe losses fall until the end.",
    3: "SGD with a learning rate of 0.1 for 60 epochs.",
    4: "scale = 2 * max(|min|, |max|) / 255; scale_approximate returns 2^-S.",
    5: "FP32 has 93.80 % accuracy, PTQ 93.10 % accuracy and QAT 93.50 % accuracy.",
    6: "QAT is better than PTQ. The main challenge was an error about the engine.",
}


def example(**changes: str) -> str:
    """Return a short report with other words in some sections."""
    texts = {**{f"_{n}": text for n, text in LAB.items()}, **changes}
    return "".join(f"## {n}. {SECTIONS[n - 1]}\n\n{texts[f'_{n}']}\n\n" for n in LAB)


def is_foreign(report: Report) -> tuple[int, str] | None:
    """Return the line and words that name another lab or network, when nothing names this one."""
    lexicon = report.lexicon
    text = report.own_text
    own = [name for name in ("ptq", "qat") if lexicon.has(f"model.{name}", text)]
    is_this = len(own) == 2 or lexicon.has("topic.approximation", text)
    if is_this or lexicon.has("this_lab", text[:400]):
        return None
    found = []
    for block in report.document.blocks:
        match = lexicon.search("topic.foreign", block.text)
        if match:
            found.append((block.line + block.text.count("\n", 0, match.start()), match[0].strip()))
    kinds = {words.lower() for _, words in found}
    return found[0] if len(kinds) >= 2 or (found and not own and report.is_whole()) else None


@rule(
    "other-lab",
    "The report is one of this lab.",
    wrong=["# Lab 1 - Homework\n\n## 1. Model Architecture\n\nA VGG-8 with five convolutions.\n"],
    right=[example(_1="Unlike the VGG-16 of Lab 1, this ResNet-50 has shortcuts.")],
)
def other_lab(report: Report, _: Facts) -> Fault | None:
    found = is_foreign(report)
    if found is None:
        return None
    line, words = found
    return Fault(
        Place(line, 0, words),
        "a report of Lab 3: FP32, PTQ and QAT of a ResNet with power-of-two scales",
        f"this looks like a report of another lab or network: it names {words}, and neither PTQ and "
        "QAT nor the approximated scales",
        "likely",
        also=(1,),
    )


@rule(
    "section-missing",
    "The report has the six sections of the lab.",
    wrong=[example().replace("## 6. Discussion and Conclusion", "")[: -len(LAB[6]) - 4]],
    right=[example()],
)
def section_missing(report: Report, facts: Facts) -> Fault | None:
    present = {section.number for section in report.sections if section.number}
    missing = [n for n in range(1, 7) if n not in present]
    if is_foreign(report):
        return None
    missing = [n for n in missing if not _is_elsewhere(n, report, facts)]
    is_excerpt = len(missing) > 6 - FEWEST and amount(report.own_text) > 0
    if not missing or is_excerpt:
        return None
    after = [s.line for s in report.sections if s.number > missing[0]]
    line = min(after, default=report.document.last_line)
    names = ", ".join(f"{n} ({SECTIONS[n - 1]})" for n in missing)
    return Fault(
        Place(line, missing[0], ""),
        f"section{'s' if len(missing) > 1 else ''} {names}",
        "no heading names it, and no text elsewhere stands for it"
        if len(missing) == 1
        else "no heading names them, and no text elsewhere stands for them",
        "likely",
        also=(1, report.document.last_line),
    )


def _is_elsewhere(number: int, report: Report, facts: Facts) -> bool:
    """Tell whether what belongs into a section stands somewhere without its heading."""
    lexicon, text = report.lexicon, report.own_text
    headings = [b.text for b in report.document.blocks if b.kind == "heading"]
    if any(lexicon.has(f"section.{number}", heading) for heading in headings):
        return True
    if number == 1:
        return lexicon.has("topic.architecture", text) and amount(text) > 600
    if number == 2:
        return bool(report.document.images or facts.curves) and lexicon.has(
            "topic.overfitting", text
        )
    if number == 3:
        return len({s.metric for s in facts.statements if s.metric in _HYPER}) >= 3
    if number == 4:
        return bool(re.search("scale_approximate", report.text)) and lexicon.has(
            "topic.zero_point", text
        )
    if number == 5:
        return all(facts.values(m, "accuracy") for m in (FP32, PTQ, QAT))
    return lexicon.has("topic.ending", text)


_HYPER = ("epochs", "learning_rate", "batch_size", "momentum", "weight_decay", "label_smoothing")


@rule(
    "section-order",
    "The sections come in the lab's order.",
    wrong=["## 5. Comparison\n\nPTQ.\n\n## 3. Hyperparameters\n\nSGD.\n"],
    right=[example()],
)
def section_order(section: Section, _: Facts) -> Fault | None:
    before = section.before
    if before is None or section.number > before.number:
        return None
    return Fault(
        Place(section.line, section.number, section.heading),
        f"section {section.number} before section {before.number}",
        "the handout gives the order in which reports are read and graded",
        "likely",
    )


@rule(
    "section-empty",
    "Each section has text of the student's own.",
    wrong=[
        example(_3=""),
    ],
    right=[example(_1="**說明：** 先融合卷積與批次正規化。")],
)
def section_empty(section: Section, _: Facts) -> Fault | None:
    # Open questions and placeholders are faults of their own.
    if not section.is_empty or section.prompts or section.has_placeholder:
        return None
    asked = tuple(p.block.line for p in section.prompts)
    return Fault(
        Place(section.line, section.number, section.heading),
        f"text of your own on: {section.title}",
        "there is only the heading" + (" and what the template asks" if section.blocks else ""),
        "likely",
        says="",
        also=(*asked, *(b.line for b in section.blocks if b.kind == "text")),
    )


@rule(
    "prompt-unanswered",
    "Every question has an answer.",
    wrong=[
        example(_6="- What challenges did you face?"),
        example(_4="**Scale:** Explain the formula.\n\n**說明：**"),
        example(
            _6=LAB[6]
            + "\n\n- Did QAT outperform PTQ?\n\n  It did.\n- What challenges did you face?"
        ),
        example(_4=LAB[4] + "\n\n2. Describe how the function is implemented. Why is it useful?"),
    ],
    right=[
        example(
            _6="- Did QAT beat PTQ?\n- What challenges did you face?\n\n### QAT and PTQ\n\nQAT was "
            "0.4 points better.\n\n### Challenges\n\nAn error about the engine took long."
        ),
        example(
            _2="![c](https://e.org/c.png)\n\n* Discuss overfitting.\n**說明：**\n驗證損失沒有回升"
        ),
    ],
)
def prompt_unanswered(section: Section, _: Facts) -> Fault | None:
    open_ = [p for p in section.prompts if not p.is_answered and not p.is_label]
    lines = [p.block for p in open_ if not p.has_placeholder]
    if not lines:
        return None
    block = lines[0]
    return Fault(
        Place(block.line, section.number, block.text),
        "an answer" if len(lines) == 1 else f"answers to {len(lines)} questions",
        "nothing follows before the next question or heading",
        "likely",
        also=(*(b.line for b in lines[1:]), *([section.line] if section.is_empty else [])),
    )


@rule(
    "results-missing",
    "FP32, PTQ and QAT have results.",
    wrong=[
        "## 5. Comparison\n\nQuantization makes it smaller.\n\n## 6. Discussion\n\nGood.\n",
        example(
            _5="FP32 has 93.80 % accuracy and PTQ 93.10 % accuracy.",
            _6="The challenge was an error. QAT and PTQ differ.",
        ),
    ],
    right=[example()],
)
def results_missing(report: Report, facts: Facts) -> Fault | None:
    section = report.section(5)
    if is_foreign(report):
        return None
    line = section.line if section else report.document.last_line
    missing = [m for m in (FP32, PTQ, QAT) if not _has_result(m, facts)]
    if not missing or (section is None and not report.is_whole()):
        return None
    is_all = not any(_has_result(m, facts) for m in (FP32, *QUANTIZED))
    if not is_all and not report.is_whole():
        return None
    if section is not None and section.is_empty:
        return None
    names = ", ".join(NAMES[m] for m in missing)
    return Fault(
        Place(line, 5, ""),
        f"size, accuracy and drop of {names}",
        f"the report has no result of {names}",
        "likely",
        also=(1,) if section is None else (),
    )


def _has_result(model: str, facts: Facts) -> bool:
    if model == FP32 and (facts.has(FP32, "accuracy") or facts.settings):
        return True
    if any(name.partition(":")[0] == model for name in facts.cells.models):
        return True  # its place is there, and empty: another rule's affair
    return any(
        s.model.partition(":")[0].rstrip("+") in (model, INT8)
        for s in facts.statements
        if s.metric == "accuracy" and s.value is not None and (s.model or s.label)
    )


@rule(
    "formula-missing",
    "Section 4 has the formula of the scale.",
    wrong=[example(_4="The zero point is an offset. scale_approximate returns a power of two.")],
    right=[example()],
)
def formula_missing(report: Report, facts: Facts) -> Fault | None:
    section = report.section(4)
    if section is None or section.is_empty or not report.is_whole() or is_foreign(report):
        return None
    inside = [s for s in facts.statements if s.place.section in (4, 0)]
    has_formula = any(s.metric == "scale factor" for s in inside)
    text = "\n".join(b.raw + "\n" + b.text for b in section.blocks)
    if has_formula or report.lexicon.has("formula.scale", text):
        return None
    return Fault(
        Place(section.line, 4, ""),
        "the formula of the scale, such as s = 2*max(|min|, |max|)/255, and of the zero point",
        "section 4 has no formula of the scale",
        "likely",
    )


@rule(
    "approximation-missing",
    "Section 4 tells how scale_approximate works.",
    wrong=[example(_4="scale = 2 * max(|min|, |max|) / 255. It is symmetric.")],
    right=[example()],
)
def approximation_missing(report: Report, facts: Facts) -> Fault | None:
    section = report.section(4)
    if section is None or section.is_empty or not report.is_whole() or is_foreign(report):
        return None
    text = "\n".join(b.raw for b in section.blocks if not report.parts.asking.get(id(b)))
    shift = any(
        s.metric in ("shift", "shift range") and s.place.section == 4 for s in facts.statements
    )
    if (
        shift
        or report.lexicon.has("topic.approximation", text)
        or re.search(r"2\s?(?:\^|\*\*)\s?\{?\(?\s?-|log_?\{?2", text)
    ):
        return None
    return Fault(
        Place(section.line, 4, ""),
        "how scale_approximate finds a power of two, and why that is useful",
        "section 4 does not mention it",
        "likely",
    )


@rule(
    "comparison-missing",
    "Section 6 says whether QAT did better than PTQ.",
    wrong=[example(_6="The main challenge was an error about the engine.")],
    right=[example()],
)
def comparison_missing(report: Report, facts: Facts) -> Fault | None:
    section = report.section(6)
    if section is None or section.is_empty or not report.is_whole() or is_foreign(report):
        return None
    if _has_open(report, section):
        return None
    lexicon, text = report.lexicon, section.own_text
    names = lexicon.has("model.qat", text) and (
        lexicon.has("model.ptq", text)
        or lexicon.has("model.int8", text)
        or lexicon.has("topic.versus", text)
    )
    compared = any(
        {s.model, s.than} == {PTQ, QAT} and s.place.where == "prose" for s in facts.statements
    )
    asked = "\n".join(p.block.text for p in section.prompts if p.is_answered)
    names |= lexicon.has("model.qat", asked) and lexicon.has("model.ptq", asked)
    names |= any(
        s.place.section == 6 and s.model == QAT and s.relation in ("loses", "gains", "more", "less")
        for s in facts.statements
    )
    if names or compared:
        return None
    return Fault(
        Place(section.line, 6, ""),
        "whether QAT did better than PTQ, and why",
        "section 6 does not compare the two",
        "likely",
    )


def _has_open(report: Report, section: Section) -> bool:
    """Tell whether a question of a section is still open: then that is the fault."""
    open_ = any(not p.is_answered for p in section.prompts)
    return open_ or any(
        b.kind == "text" and report.parts.is_placeholder(b.text) for b in section.blocks
    )


@rule(
    "challenges-missing",
    "Section 6 tells what was difficult.",
    wrong=[example(_6="QAT is better than PTQ by 0.4 points, as the table shows.")],
    right=[example()],
)
def challenges_missing(report: Report, _: Facts) -> Fault | None:
    section = report.section(6)
    if section is None or section.is_empty or not report.is_whole() or is_foreign(report):
        return None
    if _has_open(report, section):
        return None
    asked = [p.block.text for p in section.prompts if p.is_answered]
    headings = [b.text for b in section.blocks if b.kind == "heading"]
    text = "\n".join([section.own_text, *headings, *asked])
    if report.lexicon.has("topic.challenge", text):
        return None
    return Fault(
        Place(section.line, 6, ""),
        "which challenges there were, and how they were solved",
        "section 6 names none",
        "likely",
    )
