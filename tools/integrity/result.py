"""All that is to be looked at in a class: pairs, single people, and what can't be compared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from autograder.course.index import Attempt
from tools.integrity.comparing import compare, of_prose
from tools.integrity.decisions import Decision, newest
from tools.integrity.findings import LEVELS, Finding, Level, evidence_of
from tools.integrity.hashing import digest
from tools.integrity.outliers import independent, outliers
from tools.integrity.people import People, Person
from tools.integrity.prints import CodePrint, Fingerprint, RunPrint
from tools.integrity.searching import Work, search

CLOCKS = timedelta(days=1)  # by which a student's clock may be wrong
NOT_NOW = "was not read: the computer had no time, or our copy is gone; run lab3 integrity again"


@dataclass(frozen=True)
class Case:
    """One person or two, what speaks for looking at them, and what staff decided.

    ``changed`` tells that the evidence is other than the decision was made about. A case without
    findings is staff's own suspicion.
    """

    people: tuple[Person, ...]
    findings: tuple[Finding, ...]
    decision: Decision | None = None

    @property
    def key(self) -> frozenset[str]:
        return frozenset(person.id for person in self.people)

    @property
    def evidence(self) -> str:
        return evidence_of(self.findings)

    @property
    def level(self) -> Level:
        return min((f.level for f in self.findings), key=LEVELS.index, default="possible")

    @property
    def is_changed(self) -> bool:
        return self.decision is not None and not self.decision.holds_for(self.evidence)

    @property
    def is_open(self) -> bool:
        """Whether somebody has to look."""
        is_decided = self.decision is not None and self.decision.decision != "suspected"
        return not is_decided or self.is_changed

    def said(self, finding: Finding) -> str:
        """Return a finding's sentence with names."""
        names = [person.name for person in self.people]
        parts = finding.said.replace("{a}", "\0").replace("{b}", "\1")
        return parts.replace("\0", names[0]).replace("\1", names[-1])


@dataclass(frozen=True)
class Group:
    """People who have something in common that accuses nobody, and what."""

    what: str
    people: tuple[Person, ...]


@dataclass(frozen=True)
class Uncompared:
    """What of an attempt can't be compared, and why."""

    person: Person
    attempt: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """Everything; cases with the strongest evidence come first."""

    students: int
    compared: int
    pairs: tuple[Case, ...]
    singles: tuple[Case, ...]
    same_seed: tuple[Group, ...]
    common: tuple[Group, ...]
    uncompared: tuple[Uncompared, ...]

    @property
    def open(self) -> tuple[Case, ...]:
        return tuple(case for case in (*self.pairs, *self.singles) if case.is_open)


def result_of(
    people: People,
    prints: Mapping[str, Fingerprint | None],
    content_of: Mapping[str, str],
    decisions: Sequence[Decision] = (),
) -> Result:
    """Return what a class has in common.

    ``prints`` are fingerprints by content, and ``content_of`` names the content of attempts.
    """
    given = Given.of(prints.get(content_of.get(a.id, "")) for p in people.staff for a in p.attempts)
    works, uncompared = [], []
    for person in sorted(people.students, key=lambda person: person.id):
        for attempt in person.attempts:
            found = prints.get(content_of.get(attempt.id, ""))
            reasons = list(why_not(attempt, found, given))
            if reasons:
                uncompared.append(Uncompared(person, attempt.id, tuple(reasons)))
            if found and not found.problem:
                works.append(Work(person.id, attempt.id, given.taken_from(found)))
    by_id, decided = people.by_id(), newest(decisions)
    candidates = search(works)
    findings: dict[frozenset[str], list[Finding]] = {}
    for a, b in sorted(candidates.pairs):
        one, other = works[a], works[b]
        if not by_id[one.owner].is_with(by_id[other.owner]):
            both = frozenset((one.owner, other.owner))
            shared = candidates.passages.get((a, b), [])
            found_here = [*compare(one.prints, other.prints), *of_prose(shared)]
            findings.setdefault(both, []).extend(found_here)
    singles: dict[frozenset[str], list[Finding]] = {}
    for work in works:
        own = next(a for a in by_id[work.owner].attempts if a.id == work.attempt)
        singles.setdefault(frozenset((work.owner,)), []).extend(alone(work.prints, own))
    honest = [
        (what, owners) for what, owners in candidates.same_seed if independent(owners, findings) > 1
    ]
    for owner, several in outliers(findings, [owners for _, owners in honest], by_id):
        singles.setdefault(frozenset((owner,)), []).extend(several)
    for key, decision in decided.items():
        if decision.decision == "suspected":
            (findings if len(key) == 2 else singles).setdefault(key, [])
    return Result(
        students=len(people.students),
        compared=len({work.owner for work in works}),
        pairs=tuple(in_order(cases_of(findings, by_id, decided))),
        singles=tuple(in_order(cases_of(singles, by_id, decided))),
        same_seed=tuple(Group(what, members(o, by_id)) for what, o in together(honest)),
        common=tuple(
            Group(what, members(owners, by_id)) for what, owners in sorted(candidates.common)
        ),
        uncompared=tuple(uncompared),
    )


def together(groups: Iterable[tuple[str, frozenset[str]]]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield groups of the same people once, with all their kinds of runs."""
    kinds: dict[tuple[str, frozenset[str]], list[str]] = {}
    for what, owners in groups:
        kind, _, rest = what.partition(" of ")
        kinds.setdefault((rest, owners), []).append(kind)
    for (rest, owners), several in kinds.items():
        yield f"{', '.join(several)} of {rest}", owners


def members(ids: Iterable[str], by_id: Mapping[str, Person]) -> tuple[Person, ...]:
    return tuple(by_id[one] for one in sorted(ids))


def cases_of(
    findings: Mapping[frozenset[str], list[Finding]],
    by_id: Mapping[str, Person],
    decided: Mapping[frozenset[str], Decision],
) -> Iterator[Case]:
    """Yield those whose evidence is more than expected, and those whom staff suspects."""
    for key, several in findings.items():
        best: dict[tuple[str, str], Finding] = {}
        for one in sorted(several, key=lambda finding: finding.rank):
            best.setdefault((one.kind, one.level), one)
        kept = tuple(sorted(best.values(), key=lambda finding: finding.rank))
        decision = decided.get(key)
        is_suspected = decision is not None and decision.decision == "suspected"
        if not key <= by_id.keys():
            continue
        if is_suspected or any(finding.level != "expected" for finding in kept):
            yield Case(members(key, by_id), kept, decision)


def in_order(cases: Iterable[Case]) -> list[Case]:
    """Sort by what has to be looked at first."""
    return sorted(
        cases,
        key=lambda case: (
            not case.is_open,
            LEVELS.index(case.level),
            -len(case.findings),
            sorted(case.key),
        ),
    )


def alone(one: Fingerprint, attempt: Attempt) -> Iterator[Finding]:
    """Yield what can't be in the logs of one submission."""
    for run in one.runs:
        if run.log is None:
            continue
        for sentence in run.log.impossible:
            value = digest(run.name, sentence)
            yield Finding("impossible", "possible", f"{run.name}: {sentence}", value)
        if attempt.received and run.log.end and run.log.end - attempt.received > CLOCKS:
            days = (run.log.end - attempt.received).days
            said = f"{run.name}: its log ends {days} day{'s' * (days != 1)} after it was handed in"
            yield Finding("impossible", "possible", said, digest(run.name, run.log.end))
    for a, b in ((a, b) for a in one.runs for b in one.runs if a.name < b.name):
        if a.log and b.log and a.log.recipe.kind != b.log.recipe.kind:
            equal = {*a.log.clock.values()} & {*b.log.clock.values()}
            if len(equal) > 1:
                said = f"{a.name} and {b.name}: {len(equal)} measured times are equal"
                yield Finding("impossible", "possible", said, digest(*sorted(equal)))


@dataclass(frozen=True)
class Given:
    """What staff handed in, which may have been given to everybody."""

    files: frozenset[str]
    clock: frozenset[str]
    code: frozenset[int]
    prose: frozenset[int]

    @classmethod
    def of(cls, prints: Iterable[Fingerprint | None]) -> "Given":
        there = [one for one in prints if one]
        runs = [run for one in there for run in one.runs]
        return cls(
            frozenset(run.checkpoint_sha256 for run in runs) - {""},
            frozenset(v for run in runs if run.log for v in run.log.clock.values()),
            frozenset(gram for one in there if one.code for gram in one.code.grams),
            frozenset(n for one in there for part in one.passages for n in part.shingles),
        )

    def has(self, run: RunPrint) -> bool:
        clock = {*run.log.clock.values()} if run.log else set()
        return run.checkpoint_sha256 in self.files or bool(clock & self.clock)

    def taken_from(self, one: Fingerprint) -> Fingerprint:
        """Return a fingerprint without what staff handed in."""
        if not (self.files or self.clock or self.code or self.prose):
            return one
        runs = tuple(run for run in one.runs if not self.has(run))
        passages = tuple(
            part
            for part in one.passages
            if len({*part.shingles} & self.prose) * 2 < len(part.shingles)
        )
        update = {"runs": runs, "passages": passages, "code": self.code_of(one.code)}
        return one.model_copy(update=update)

    def code_of(self, code: CodePrint | None) -> CodePrint | None:
        if code is None:
            return None
        grams = tuple(gram for gram in code.grams if gram not in self.code)
        return code.model_copy(update={"grams": grams, "own": min(code.own, len(grams))})


def why_not(attempt: Attempt, found: Fingerprint | None, given: Given) -> Iterator[str]:
    """Yield what of an attempt is not compared, and why."""
    if attempt.problem:
        yield attempt.problem
    elif attempt.file is None:
        yield "only the LMS has its files"
    elif found is None:
        yield NOT_NOW
    elif found.problem:
        yield found.problem
    else:
        yield from why_not_parts(found, given)


def why_not_parts(found: Fingerprint, given: Given) -> Iterator[str]:
    if found.code_problem:
        yield f"code: {found.code_problem}"
    elif found.code and not found.code.own:
        yield "code: nothing in it that skeleton or solution haven't"
    if not found.runs:
        yield "runs: none were handed in"
    for run in found.runs:
        if given.has(run):
            yield f"{run.name}: it is what staff handed in"
            continue
        if run.log_problem:
            yield f"{run.name}: {run.log_problem}"
        if run.checkpoint_problem:
            yield f"{run.name}: {run.checkpoint_problem}"
    if found.report_problem:
        yield f"report: {found.report_problem}"


def only(result: Result, ids: frozenset[str]) -> Result:
    """Return what concerns a student, or several among themselves."""

    def is_meant(key: frozenset[str]) -> bool:
        return key <= ids if len(ids) > 1 else bool(key & ids)

    def groups(several: Iterable[Group]) -> tuple[Group, ...]:
        return tuple(g for g in several if ids <= {person.id for person in g.people})

    return replace(
        result,
        pairs=tuple(case for case in result.pairs if is_meant(case.key)),
        singles=tuple(case for case in result.singles if is_meant(case.key)),
        same_seed=groups(result.same_seed),
        common=groups(result.common),
        uncompared=tuple(one for one in result.uncompared if one.person.id in ids),
    )
