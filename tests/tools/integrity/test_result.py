"""Which pairs and single people of a class are shown, and which are not."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import SOLVED
from tests.hostile.attacks.making import SKELETON
from tests.making.classes import attempt
from tests.making.course import copies, reports
from tests.making.course.drawn import drawn_runs
from tests.making.course.work import signed
from tests.making.prints import compared, pairs, person, print_of
from tests.making.submissions import Files
from tools.integrity.decisions import Decision
from tools.integrity.people import People
from tools.integrity.prints import Fingerprint
from tools.integrity.result import Result, result_of


def code(name: str) -> Files:
    return {f"lab3/{file}": content for file, content in signed(SOLVED, name).items()}


@cache
def made(name: str, seed: int = 0, author: str = "") -> tuple[tuple[str, bytes], ...]:
    """What somebody hands in who made everything alone; runs of one seed differ in times only."""
    own = code(author or name)
    runs = copies.own_runs(drawn_runs(seed), own, author or name)
    report = {"report.md": reports.report(reports.paragraphs(author or name))}
    return tuple({**own, **runs, **report}.items())


def own(name: str, seed: int = 0) -> Fingerprint:
    return print_of(dict(made(name, seed)))


def runs_of(files: Files) -> Files:
    return {name: content for name, content in files.items() if name.startswith("runs/")}


def with_runs(name: str, runs: Files) -> Fingerprint:
    """Own code with runs that may be somebody else's."""
    return print_of({**code(name), **runs})


def test_honest_work_with_seeds_of_their_own_shows_nothing() -> None:
    result = compared({name: own(name, seed) for seed, name in enumerate("abcde")})
    assert (result.pairs, result.singles, result.same_seed, result.common) == ((), (), (), ())
    assert result.compared == 5


def test_honest_runs_of_one_seed_are_named_as_such() -> None:
    result = compared({name: own(name) for name in "abc"} | {"d": own("d", 7)})
    assert (result.pairs, result.singles) == ((), ())
    (group,) = result.same_seed
    assert [one.id for one in group.people] == ["a", "b", "c"]
    assert group.what == "FP32, PTQ, QAT of resnet14, width 16, seed 0"


def test_an_exact_copy() -> None:
    result = compared({"a": own("a"), "b": own("a"), "c": own("c", 1)})
    assert pairs(result) == {("a", "b"): {"all", "clock", "prose"}}
    assert result.pairs[0].level == "strong"


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (copies.resaved, {"weights", "curves"}),
        (copies.perturbed, {"weights", "nearly", "curves"}),
        (lambda runs: copies.perturbed(runs, 0.05), {"weights", "nearly", "curves"}),
    ],
    ids=["saved anew", "with a little noise", "with more noise"],
)
def test_runs_of_another_seed_that_hold_somebody_s_weights(
    change: Callable[[Files], Files], kinds: set[str]
) -> None:
    """What noise was added to is nearly equal; the INT8 networks stayed as they were."""
    taken = copies.own_runs(change(runs_of(dict(made("a")))), code("b"), "b", seed=3)
    result = compared({"a": own("a"), "b": with_runs("b", taken), "c": own("c", 7)})
    assert pairs(result) == {("a", "b"): kinds}
    assert "although the seeds are 0 and 3" in result.pairs[0].findings[0].details[0]


def test_weights_with_noise_alone() -> None:
    """Without logs and without the INT8 networks, which had no noise."""
    noisy = copies.perturbed(runs_of(dict(made("a"))), 0.05)
    alone = {name: content for name, content in noisy.items() if name == "runs/fp32/model.pt"}
    result = compared({"a": own("a"), "b": with_runs("b", alone), "c": own("c")})
    said = result.singles[0] if result.singles else result.pairs[0]
    assert {finding.level for finding in said.findings} == {"possible"}


def test_runs_under_other_names_with_logs_as_they_were() -> None:
    taken = copies.renamed(runs_of(dict(made("a"))))
    result = compared({"a": own("a"), "b": with_runs("b", taken), "c": own("c")})
    assert pairs(result) == {("a", "b"): {"clock", "named"}}
    clock, named = result.pairs[0].findings[:2]
    assert clock.details[0].startswith("fp32 and base: 9 of 9: epoch 1, epoch 2")
    assert result.pairs[0].said(named) == "B's logs of base, int8, int8-tuned name A's code"


def test_a_quantized_run_of_somebody_s_network() -> None:
    theirs = runs_of(dict(made("a")))
    mine = copies.own_runs(drawn_runs(7), code("b"), "b")
    taken = {n: c for n, c in theirs.items() if n.startswith("runs/qat")}
    mine = {n: c for n, c in mine.items() if not n.startswith("runs/qat")}
    result = compared({"a": own("a"), "b": with_runs("b", {**mine, **taken})})
    assert {"clock", "named"} <= pairs(result)["a", "b"]


def test_what_a_whole_group_has_honestly_is_a_case_of_one_person() -> None:
    """Which of them it was taken from can't be told, so none of them is named a pair."""
    pretended = copies.own_runs(drawn_runs(0), code("z"), "z", seed=5)
    result = compared({**{n: own(n) for n in "abcd"}, "z": with_runs("z", pretended)})
    assert result.pairs == ()
    (case,) = result.singles
    assert [one.id for one in case.people] == ["z"]
    assert case.findings[0].details[-1] == "the others: A, B, C, D"


@pytest.mark.parametrize("files", [SKELETON, SOLVED], ids=["skeleton", "solution"])
def test_what_the_kit_has_is_nobody_s(files: Files) -> None:
    given = {f"lab3/{name}": content for name, content in files.items()}
    assert compared({"a": print_of(given), "b": print_of(given)}).pairs == ()


def test_equal_code_is_possible_at_most() -> None:
    result = compared({"a": print_of(code("x")), "b": print_of(code("x"))})
    assert pairs(result) == {("a", "b"): {"all"}}
    assert result.pairs[0].level == "possible"


def test_what_staff_handed_in_was_given_to_all() -> None:
    given = own("ta")
    result = compared({"ta": given, "a": given, "b": given}, staff=["ta"])
    assert result.pairs == ()
    reasons = {one.person.id: one.reasons for one in result.uncompared}
    assert reasons["a"][0] == "fp32: it is what staff handed in"


def test_groups_and_attempts_of_one_person_are_not_pairs() -> None:
    works = {"one": own("a"), "two": own("a"), "three": own("a")}
    several = (attempt("one", "a", late_h=-2), attempt("two", "a", late_h=-1))
    people = [
        person("a", *several, group="7"),
        person("b", attempt("three", "b", late_h=-1), group="7"),
    ]
    contents = {name: name for name in works}
    assert result_of(People(tuple(people), ()), works, contents).pairs == ()
    together = [replace(one, group="") for one in people]
    assert pairs(result_of(People(tuple(together), ()), works, contents)) == {
        ("a", "b"): {"all", "clock", "prose"}
    }
    shared = [person(n, attempt("one", "a", "b", late_h=-1)) for n in "ab"]
    assert result_of(People(tuple(shared), ()), works, contents).pairs == ()


def test_what_many_share_accuses_no_pair() -> None:
    words = reports.paragraphs("a book")
    report = {"report.md": reports.report(words)}
    several = {f"s{n:02}": print_of({**code(f"s{n}"), **report}) for n in range(14)}
    result = compared(several)
    assert result.pairs == ()
    assert {len(group.people) for group in result.common} == {14}
    assert all(group.what.startswith("text: ") for group in result.common)


def test_why_something_is_not_compared_is_said() -> None:
    broken = Fingerprint(version="", content="", problem="is empty")
    (one,) = compared({"a": broken}).uncompared
    assert one.reasons == ("is empty",)
    (one,) = compared({"a": print_of(code("a"))}).uncompared
    assert one.reasons == ("runs: none were handed in",)


def cleared(result: Result, **fields: str) -> Decision:
    (case,) = result.pairs
    given = {"decision": "cleared", "why": "a team", "evidence": case.evidence, **fields}
    return Decision.model_validate({"students": tuple(case.key), **given})


def test_a_decision_holds_until_the_evidence_changes() -> None:
    works = {"a": own("a"), "b": own("a")}
    decision = cleared(compared(works))
    (case,) = compared(works, decisions=[decision]).pairs
    assert (case.is_open, case.is_changed, case.decision) == (False, False, decision)
    taken = copies.renamed(runs_of(dict(made("a"))))
    (case,) = compared({**works, "b": with_runs("b", taken)}, decisions=[decision]).pairs
    assert (case.is_open, case.is_changed) == (True, True)


def test_a_suspicion_of_staff_s_own_is_a_case() -> None:
    suspected = Decision(students=("a", "b"), decision="suspected", why="seen together")
    (case,) = compared({"a": own("a"), "b": own("b", 1)}, decisions=[suspected]).pairs
    assert (case.findings, case.is_open, case.evidence) == ((), True, "")


WORKS = {
    "a": lambda: own("a"),
    "b": lambda: own("a"),
    "c": lambda: own("c"),
    "d": lambda: with_runs("d", copies.renamed(runs_of(dict(made("c"))))),
    "e": lambda: own("e", 7),
    "f": lambda: with_runs("f", copies.own_runs(drawn_runs(0), code("f"), "f", seed=5)),
}


@cache
def everybody() -> dict[str, Fingerprint]:
    return {name: make() for name, make in WORKS.items()}


def evidence(result: Result) -> list[tuple[frozenset[str], str]]:
    return [(case.key, case.evidence) for case in (*result.pairs, *result.singles)]


@settings(max_examples=30)
@given(st.permutations(sorted(WORKS)), st.lists(st.text(max_size=8), min_size=6, max_size=6))
def test_neither_order_nor_names_change_the_evidence(order: list[str], names: list[str]) -> None:
    works = everybody()
    before = compared(works)
    after = compared(
        {name: works[name] for name in order}, names=dict(zip(sorted(WORKS), names, strict=True))
    )
    assert evidence(after) == evidence(before)
    assert all(len(case.key) == 2 for case in after.pairs)
    assert {case.key for case in before.pairs} >= {frozenset("ab"), frozenset("cd")}


@settings(max_examples=15)
@given(st.lists(st.sampled_from(sorted(WORKS)), min_size=2, max_size=6))
def test_nobody_is_a_pair_with_themselves(attempts: list[str]) -> None:
    works = everybody()
    own_attempts = [attempt(f"{n}", "a", late_h=-1) for n in range(len(attempts))]
    contents = {f"{n}": name for n, name in enumerate(attempts)}
    result = result_of(People((person("a", *own_attempts),), ()), works, contents)
    assert result.pairs == ()
