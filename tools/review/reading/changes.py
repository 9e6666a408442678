"""What is said to have risen, fallen or come back, without a number."""

from collections.abc import Iterator

from tools.review.reading.lexicon import Tag
from tools.review.reading.orders import is_denied, is_known, split_of
from tools.review.reading.statements import FP32, INT8, PTQ, QAT, Place, Statement
from tools.review.reading.words import Words

NEXT = 40  # characters between a verb and the accuracy that it changes


def read_changes(words: Words, place: Place) -> Iterator[Statement]:
    """Read "QAT recovers what PTQ lost", "PTQ raised accuracy", "QAT helped"."""
    found = [t for t in words.tags if t.is_of("recovers", "helps", "change")]
    for word in found:
        segment = words.segment(word.start)
        if any(segment.start <= q.start < segment.end for q in words.quantities):
            continue
        if words.within(segment, "variant", "all.three", "other.accuracy", "equal", "extreme"):
            continue
        models = [m for m in words.models if segment.holds(m)]
        kinds = {m.kind for m in models}
        order = _recovered(words, word, kinds, models) or _changed(words, word, kinds)
        if order is None:
            continue
        model, relation, than = order
        modality = words.modality(segment)
        if modality == "claimed" and is_denied(words, segment, word):
            modality = "denied"
        yield Statement(
            model,
            "accuracy",
            relation,
            place,
            modality=modality,
            than=than,
            split=split_of(words, segment),
            others=tuple(kinds),
            is_sure=False,
        )
        return


def _recovered(
    words: Words, word: Tag, kinds: set[str], models: list[Tag]
) -> tuple[str, str, str] | None:
    """Return that QAT is above PTQ, which is what recovering a loss, or helping, comes to."""
    segment = words.segment(word.start)
    is_of_accuracy = bool(
        words.within(
            segment, "metric.accuracy", "metric.drop", "change.loses", "metric.loss", "metric.gap"
        )
    )
    metrics = {t.kind for t in words.within(segment, "metric")}
    metrics -= {"other"} if "accuracy" in metrics else set()  # "the accuracy that PTQ had cost"
    metrics -= {
        "accuracy",
        "drop",
        "loss",
        "gap",
    }
    if metrics or not kinds <= {PTQ, QAT, FP32} or QAT not in kinds or models[0].kind != QAT:
        return None
    if word.is_of("helps"):
        is_plain = kinds == {QAT} and (is_of_accuracy or is_known(words, segment))
        return (QAT, "more", PTQ) if is_plain else None
    return (QAT, "more", PTQ) if word.is_of("recovers") and is_of_accuracy else None


def _changed(words: Words, word: Tag, kinds: set[str]) -> tuple[str, str, str] | None:
    """Return how a change of accuracy without a number compares a network with FP32, or QAT with PTQ."""
    segment = words.segment(word.start)
    tags = words.within(segment, "metric")
    is_near = any(t.kind == "accuracy" and abs(t.start - word.start) < NEXT for t in tags)
    if not word.is_of("change") or not is_near or any(t.kind != "accuracy" for t in tags):
        return None
    standards = {m.kind for m in words.standards.values() if segment.holds(m)}
    if (
        len(standards) == 1
        and len(kinds - standards) == 1
        and not words.within(segment, "compares", "beats")
    ):
        return (
            (kinds - standards).pop(),
            "more" if word.kind == "gains" else "less",
            standards.pop(),
        )
    if words.within(segment, "compares", "beats", "than", "split.train"):
        rivals = kinds - {QAT}
        verb = words.text[word.start : word.end].lower()
        is_over = (
            word.kind == "gains"
            and QAT in kinds
            and rivals == {PTQ}
            and verb.startswith(("improv", "改善"))
        )
        return (QAT, "more", PTQ) if is_over else None
    if kinds == {QAT, PTQ} and word.kind == "gains" and words.models[0].kind == QAT:
        return QAT, "more", PTQ
    if len(kinds) != 1 or not kinds <= {PTQ, QAT, INT8}:
        return None
    (kind,) = kinds
    return kind, "more" if word.kind == "gains" else "less", "base"
