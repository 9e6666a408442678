"""Precision and recall of the review on a frozen set of reports and sentences.

A finding is true when one of its lines lies on a labelled fault's; a fault is found when a finding
lies on one of its lines. Faults of weight "may" count neither as missed nor, when found, as false.
"""

import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FROZEN = Path(__file__).parent / "frozen"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
Review = Callable[[Path], Sequence[Any]]


@dataclass
class Counts:
    """How many findings are true, and how many faults are found; the rest in words."""

    true: int = 0
    findings: int = 0
    found: int = 0
    faults: int = 0
    false: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.true / self.findings if self.findings else 1.0

    @property
    def recall(self) -> float:
        return self.found / self.faults if self.faults else 1.0

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f} ({self.true} of {self.findings} findings true), "
            f"recall {self.recall:.3f} ({self.found} of {self.faults} faults found)"
        )


def lines_of(finding: Any) -> set[int]:
    return {finding.line, *getattr(finding, "lines", ())}


def describe(finding: Any) -> str:
    lines = ",".join(map(str, sorted(lines_of(finding))))
    return f"{finding.rule}:{lines} [{finding.sure}] {finding.says!r} -> {finding.should} ({finding.why})"


def measure_reports(folder: Path, review: Review) -> Counts:
    """Return the counts over the reports of a set."""
    counts = Counts()
    labels = tomllib.loads((folder / "labels.toml").read_text(encoding="utf-8"))
    for report in labels["report"]:
        findings = _reviewed(folder / "reports" / report["file"], review)
        faults = report.get("fault", [])
        _count(counts, report["file"], findings, faults)
    return counts


def _count(counts: Counts, name: str, findings: Sequence[Any], faults: list[Any]) -> None:
    hit: set[int] = set()
    for finding in findings:
        on = [i for i, fault in enumerate(faults) if lines_of(finding) & set(fault["lines"])]
        hit.update(on)
        weights = {faults[i]["weight"] for i in on}
        if weights == {"may"}:
            continue
        counts.findings += 1
        if on:
            counts.true += 1
        else:
            counts.false.append(f"{name} {describe(finding)}")
    for index, fault in enumerate(faults):
        if fault["weight"] != "must":
            continue
        counts.faults += 1
        if index in hit:
            counts.found += 1
        else:
            counts.missed.append(
                f"{name}:{fault['lines']} {fault['kind']} {fault['says']!r}: {fault['right']}"
            )


def measure_sentences(folder: Path, review: Review) -> Counts:
    """Return the counts over the sentences of a set, each below its table."""
    counts = Counts()
    data = tomllib.loads((folder / "sentences.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as place:
        for number, sentence in enumerate(data["sentence"], 1):
            table = data["tables"][sentence["table"]].strip()
            path = Path(place) / f"{number:03}.md"
            path.write_text(f"{table}\n\n{sentence['text'].strip()}\n", encoding="utf-8")
            first = table.count("\n") + 3
            # What is missing is missing of the whole report, and quotes nothing.
            found = [f for f in review(path) if f.says and max(lines_of(f)) >= first]
            text = " ".join(sentence["text"].split())
            counts.findings += bool(found)
            counts.faults += sentence["fault"]
            if sentence["fault"]:
                counts.found += bool(found)
                counts.true += bool(found)
                if not found:
                    counts.missed.append(f"{sentence['table']} {text} [{sentence['right']}]")
            elif found:
                counts.false.append(f"{text} {describe(found[0])}")
    return counts


def _reviewed(path: Path, review: Review) -> Sequence[Any]:
    """Review a copy beside which the images are that it shows."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / path.name
        text = path.read_text(encoding="utf-8")
        copy.write_text(text, encoding="utf-8")
        for target in images(text):
            file = Path(place) / target
            if file.resolve().is_relative_to(Path(place).resolve()):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(PNG)
        return review(copy)


def images(text: str) -> list[str]:
    from tools.review.reading.document import ReportText

    shown = [image.target for image in ReportText(text).images]
    return [
        target for target in shown if target and ":" not in target and not target.startswith("/")
    ]
