"""Which network is said to be more accurate, against the accuracies of the tables."""

import re
from collections.abc import Iterator
from itertools import pairwise

from tools.review.findings import Finding
from tools.review.reading.cues import (
    BEST,
    BETTER,
    DROP_NOUN,
    LARGER,
    NEGATED,
    NOT_ACCURACY,
    SMALLER,
    WORSE,
)
from tools.review.reading.document import ReportText
from tools.review.reading.quantities import Interval
from tools.review.reading.results import NAMES, Results, models_in, show_percent
from tools.review.reading.sentences import Sentence, sentences
from tools.review.reading.words import (
    ACCURACY_WORD,
    Model,
)

REACH = 60  # characters between two networks that are compared
ASIDE = re.compile(r"\([^()]*\)")
THAN = re.compile("比")
ASIDE_FIRST = re.compile(r"比[較较]?\s*[,起]")  # compared with the first, the second is ...
OF_ALL = re.compile(r"\ball (?:three|(?:the )?(?:models|networks))\b|三者|三[種种個个]", re.I)
NOBODY = re.compile(r"\b(?:neither|none)\b", re.I)
GOES_ON = re.compile(r"(?:,|\bbut|\band|甚至|也|還|还)(?!.*\bwhich)")  # with the same subject


def review_orders(document: ReportText, results: Results) -> Iterator[Finding]:
    for sentence in sentences(document):
        if sentence.is_claim:
            yield from _compared(document, results, sentence)
            yield from _best(document, results, sentence)


def _compared(document: ReportText, results: Results, sentence: Sentence) -> Iterator[Finding]:
    """Yield "A is better than B", or its opposite, where the accuracies say otherwise."""
    text = ASIDE.sub("", sentence.text)
    models = models_in(text)
    subject = models[0][1] if models else None
    for (start, first), (end, second) in pairwise(models):
        between = text[start:end]
        if subject and GOES_ON.search(between):
            first = subject
        following = text[end : end + 24]
        if first == second or len(between) > REACH or re.search("[。;]", between):
            continue
        is_better = direction(text[max(0, start - 20) : start], between, following)
        if is_better is None:
            continue
        subject = first
        accuracies = both(results, first, second)
        if accuracies and contradicts(is_better, *accuracies):
            yield _finding(document, sentence, first, second, accuracies)


def direction(before: str, between: str, following: str) -> bool | None:
    """Return whether the first of two networks is said to be the better one; None if neither."""
    than = THAN.search(between)
    if than and ASIDE_FIRST.search(between):
        return None
    rest = re.split(r"[,。;]", following)[0]
    phrase = between + rest if than else between
    is_of_drop = DROP_NOUN.search(before + phrase if "that of" in phrase else phrase)
    is_smaller, is_larger = SMALLER.search(phrase) is not None, LARGER.search(phrase) is not None
    if is_of_drop and is_smaller != is_larger:
        return is_smaller != (NEGATED.search(phrase) is not None)
    is_aside = NOT_ACCURACY.search(rest) and not ACCURACY_WORD.search(rest)
    if is_aside or NOT_ACCURACY.search(before + phrase):
        return None
    if re.fullmatch(r"[A-Za-z0-9 ]*>\s*", between):
        return True
    is_denied = NOBODY.search(before) is not None or NEGATED.search(phrase) is not None
    better, worse = BETTER.search(phrase), WORSE.search(phrase)
    if (better is None) == (worse is None):
        return None
    has_comparative = re.search(r"\b(?:better|higher|worse|lower)\b", phrase)
    if not than and has_comparative and "than" not in phrase:
        return None
    return (better is not None) != is_denied


def both(results: Results, first: Model, second: Model) -> tuple[Interval, Interval] | None:
    """Return the accuracies of two networks, from the first table that has both."""
    for table in results.tables:
        one = [row.accuracy for row in table if row.model == first and row.accuracy]
        two = [row.accuracy for row in table if row.model == second and row.accuracy]
        if len(one) == 1 and len(two) == 1:
            return one[0], two[0]
    return None


def contradicts(is_better: bool, first: Interval, second: Interval) -> bool:
    """Equal numbers contradict neither "better" nor "not better"."""
    return first.middle < second.middle if is_better else first.middle > second.middle


def _best(document: ReportText, results: Results, sentence: Sentence) -> Iterator[Finding]:
    """Yield a network that is said to be the most accurate, but isn't."""
    text = ASIDE.sub("", sentence.text)
    models = list(dict.fromkeys(model for _, model in models_in(text)))
    if not BEST.search(text) or len(models) != 1 or models[0] == "int8" or NEGATED.search(text):
        return
    model = models[0]
    rivals: tuple[Model, ...] = ("ptq", "qat") if model != "fp32" else ("fp32", "ptq", "qat")
    if OF_ALL.search(text):
        rivals = ("fp32", "ptq", "qat")
    for rival in rivals:
        accuracies = both(results, model, rival) if rival != model else None
        if accuracies and contradicts(True, *accuracies):
            yield _finding(document, sentence, model, rival, accuracies)


def _finding(
    document: ReportText,
    sentence: Sentence,
    first: Model,
    second: Model,
    accuracies: tuple[Interval, Interval],
) -> Finding:
    one, two = (show_percent(accuracy) for accuracy in accuracies)
    word = "more" if accuracies[0].middle > accuracies[1].middle else "less"
    is_named = ACCURACY_WORD.search(sentence.text) is not None
    return document.finding(
        "claim-order",
        sentence.line,
        sentence.text,
        f"{NAMES[first]} is {word} accurate than {NAMES[second]}",
        f"the report gives {NAMES[first]} {one} % and {NAMES[second]} {two} %",
        "certain" if is_named else "likely",
    )
