"""What a review looked at, and what it could not compare: said also when nothing was found."""

from collections.abc import Iterator, Sequence

from lab3.log.runlog import RunLog
from tools.review.reading.report import Report
from tools.review.reading.statements import FP32, NAMES, PTQ, QAT

METRICS = {"accuracy": "accuracy", "size": "size", "latency": "latency"}


def checked(report: Report, logs: Sequence[RunLog]) -> Iterator[str]:
    """Yield what was compared."""
    facts = report.facts
    if report.sections:
        shown = ", ".join(str(s.number) for s in report.sections)
        yield f"text of your own in section{'s' * (len(report.sections) > 1)} {shown}"
    for metric, word in METRICS.items():
        models = [m for m in (FP32, PTQ, QAT) if facts.values(m, metric)]
        if models:
            yield f"{word} of {', '.join(NAMES[m] for m in models)}, in tables, logs and sentences"
    counts = {
        "drop": sum(s.relation in ("loses", "gains") for s in facts.statements),
        "comparison": sum(
            s.relation in ("more", "less", "same", "most", "least") for s in facts.statements
        ),
        "ratio": sum(s.relation == "ratio" for s in facts.statements),
    }
    for name, count in counts.items():
        if count:
            yield f"{count} {name}{'' if count == 1 else 's'}"
    told = {s.metric for s in facts.statements if s.metric in _CONTRACT}
    if told:
        yield "the contract: " + ", ".join(sorted(_CONTRACT[name] for name in told))
    if report.document.images:
        yield f"{len(report.document.images)} images"
    if logs:
        yield f"{len(logs)} run logs"


_CONTRACT = {
    "zero point": "zero point",
    "scale factor": "formula of the scale",
    "shift": "shift computed by formula or code",
    "shift range": "range of the shift",
    "integer range": "range of the integers",
}


def unchecked(report: Report, logs: Sequence[RunLog]) -> Iterator[str]:
    """Yield what could not be compared, and why."""
    facts = report.facts
    for metric, word in METRICS.items():
        missing = [m for m in (FP32, PTQ, QAT) if not facts.values(m, metric)]
        if missing:
            yield f"{word} of {', '.join(NAMES[m] for m in missing)}: the report gives none"
    others = sorted({s.label or s.model for s in facts.statements if _is_other(s.model)})
    if others:
        yield f"networks besides the three, which are not judged: {', '.join(others[:6])}"
    if "scale factor" not in {s.metric for s in facts.statements}:
        yield "the formula of the scale: none was read"
    if not logs:
        yield "run logs: name their folder with --runs"
    remote = sum("://" in image.target for image in report.document.images)
    if remote:
        yield f"{remote} images on other servers"
    if report.sentences:
        yield "sentences that name a quality or setting unknown to the lexicon, and what figures show"


def _is_other(model: str) -> bool:
    return ":" in model or model == "other"
