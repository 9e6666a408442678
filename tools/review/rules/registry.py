"""The table of rules: each a small function with its name, its claim, and examples.

A rule takes one thing that a report holds and its facts, and returns a fault or nothing. What it
takes is the type of its first argument.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tools.review.findings import WEIGHTS, Finding, Sure, quote
from tools.review.reading.facts import Facts
from tools.review.reading.statements import Place


@dataclass(frozen=True)
class Fault:
    """What a rule found, without the rule's name.

    Faults with the same ``key`` are one, with all their lines; ``also`` are further lines of this.
    """

    place: Place
    should: str
    why: str
    sure: Sure
    says: str | None = None
    also: tuple[int, ...] = ()
    key: str = ""


@dataclass(frozen=True)
class Rule:
    """``wrong`` are texts that break the rule, ``right`` such that only seem to."""

    name: str
    claim: str
    find: Callable[[Any, Facts], Fault | None]
    about: type
    wrong: tuple[str, ...]
    right: tuple[str, ...]


RULES: dict[str, Rule] = {}
Find = Callable[[Any, Facts], Fault | None]


def rule(
    name: str, claim: str, wrong: Iterable[str] = (), right: Iterable[str] = ()
) -> Callable[[Find], Find]:
    """Register a rule with its examples."""

    def register(find: Find) -> Find:
        about = next(iter(inspect.signature(find, eval_str=True).parameters.values())).annotation
        RULES[name] = Rule(name, claim, find, about, tuple(wrong), tuple(right))
        return find

    return register


def judge(subjects: Iterable[object], facts: Facts) -> Iterator[tuple[str, Fault]]:
    """Yield what the rules find in the things that a report holds."""
    by_type: dict[type, list[Rule]] = {}
    for entry in RULES.values():
        by_type.setdefault(entry.about, []).append(entry)
    for subject in subjects:
        for entry in by_type.get(type(subject), ()):
            fault = entry.find(subject, facts)
            if fault is not None:
                yield entry.name, fault


def merged(faults: Iterable[tuple[str, Fault]], section_of: Callable[[int], int]) -> list[Finding]:
    """Return findings in the order of lines, those of one fault merged."""
    kept: dict[tuple[str, str], Fault] = {}
    for name, fault in faults:
        key = name, fault.key or f"{fault.place.line} {fault.should}"
        if key in kept:
            first, second = sorted((kept[key], fault), key=lambda f: f.place.line)
            also = (*first.also, second.place.line, *second.also)
            kept[key] = replace(first, also=tuple(dict.fromkeys(also)))
        else:
            kept[key] = fault
    findings = []
    for (name, _), fault in kept.items():
        line = fault.place.line
        section = fault.place.section or section_of(line)
        findings.append(
            Finding(
                rule=name,
                line=line,
                lines=tuple(sorted({line, *fault.also})),
                section=section,
                weight=WEIGHTS.get(section, 0),
                says=quote(fault.place.text if fault.says is None else fault.says),
                should=fault.should,
                why=fault.why,
                sure=fault.sure,
            )
        )
    return sorted(findings, key=lambda f: (f.line, f.rule))
