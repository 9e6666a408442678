"""The grader's verdicts on submissions whose faults are known."""

import signal
from collections.abc import Iterable, Iterator
from typing import NoReturn

import pytest
import torch

from autograder.asking import judging
from autograder.host.sandbox import Sandbox
from autograder.results import Grade
from tests.conftest import ROOT, SOLVED
from tests.making.grading import RUBRIC, grade_code, handed_in
from tests.mutants import texts
from tests.mutants.edits import submission
from tests.mutants.right import FULL_SIZE, QUICK_RIGHT, RIGHT
from tests.mutants.wrong import CHECKS, QUICK_WRONG, WRONG, names

LONGEST_S = 120  # for one grading; its own limits should end it much earlier


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    """Make a grading that never ends a failure of its own test."""

    def give_up(_signal: int, _frame: object) -> NoReturn:
        raise TimeoutError(f"the grading took longer than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def outcomes(grade: Grade) -> dict[str, str]:
    """Return the outcome of every check of which some visibility isn't passed."""
    found: dict[str, str] = {}
    for result in grade.results:
        assert result.outcome != "grader_error", f"{result.check}: {result.said}"
        if result.outcome != "passed":
            found.setdefault(result.check, result.outcome)
    return found


def paced(names: Iterable[str], quick: set[str]) -> list[object]:
    """Mark all but the quick ones as slow."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


@pytest.mark.parametrize("name", paced(WRONG, QUICK_WRONG))
def test_a_fault_fails_exactly_its_checks(sandbox: Sandbox, name: str) -> None:
    wrong, grade = WRONG[name], texts.grade_wrong(sandbox, name)
    assert outcomes(grade) == wrong.outcomes
    public = {result.check: result for result in grade.results if result.visibility == "public"}
    for check, piece in wrong.says.items():
        assert piece in public[check].diagnosis
    for check, first in wrong.waits.items():
        assert public[check].waits_for == first
    changes = texts.changes(name, grade)
    assert not changes, f"students read something else:\n{changes}\n{texts.again(name)}"


def test_every_fault_has_its_text() -> None:
    assert set(texts.kept()) == set(WRONG), texts.again()


@pytest.mark.parametrize("name", paced(RIGHT, QUICK_RIGHT))
def test_what_is_right_passes_every_check(sandbox: Sandbox, name: str) -> None:
    grade = grade_code(sandbox, submission(RIGHT[name]), full_size=name in FULL_SIZE)
    assert outcomes(grade) == {}
    assert grade.earned == grade.points
    assert not any(result.diagnosis or result.said for result in grade.results)
    assert {result.check for result in grade.results} >= set(CHECKS)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("integers are added without ReLU", "qat.fake_quantize"),
        pytest.param("dequantized before avgpool", "ptq.converts", marks=pytest.mark.slow),
        pytest.param("no bn3", "fusion.output_unchanged", marks=pytest.mark.slow),
    ],
)
def test_a_check_has_the_same_verdict_alone(sandbox: Sandbox, name: str, check: str) -> None:
    files = submission(WRONG[name].changes)
    alone = judging.grade(handed_in(files), RUBRIC, sandbox, lambda entry: entry.check == check)
    assert verdicts(alone, check) == verdicts(grade_code(sandbox, files), check) != []


def verdicts(grade: Grade, check: str) -> list[tuple[str, str, float]]:
    """Return the verdicts on a check, without the words for them."""
    return [(r.visibility, r.outcome, r.share) for r in grade.results if r.check == check]


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_can_go_red(check: str) -> None:
    assert any(check in WRONG[name].outcomes for name in QUICK_WRONG)


def test_the_corpus_is_large_enough_and_its_names_exist() -> None:
    assert len(WRONG) / 3 > 59  # a third of each is tested every time
    assert len(RIGHT) / 3 > 25
    assert len(QUICK_WRONG & set(WRONG)) == len(QUICK_WRONG) > 59
    assert len(QUICK_RIGHT & set(RIGHT)) == len(QUICK_RIGHT) > 25
    for wrong in WRONG.values():
        assert set(wrong.outcomes) <= set(CHECKS)
        assert {*wrong.says, *wrong.waits} <= set(wrong.outcomes)


def test_every_fault_is_seen() -> None:
    assert all(wrong.outcomes for wrong in WRONG.values())


def test_nothing_of_the_skeleton_is_written_yet(sandbox: Sandbox) -> None:
    skeleton = {name: (ROOT / "assignment" / "lab3" / name).read_bytes() for name in SOLVED}
    grade = grade_code(sandbox, skeleton)
    assert outcomes(grade) == dict.fromkeys(CHECKS, "not_implemented")
    assert {result.outcome for result in grade.results} == {"not_implemented"}
    assert grade.earned == 0


@pytest.mark.parametrize("engine", torch.backends.quantized.supported_engines)
def test_the_engine_that_was_set_before_does_not_matter(sandbox: Sandbox, engine: str) -> None:
    before, torch.backends.quantized.engine = torch.backends.quantized.engine, engine
    try:
        grade = grade_code(sandbox, SOLVED | {"observer.py": SOLVED["observer.py"] + b"# \n"})
        assert torch.backends.quantized.engine == engine
    finally:
        torch.backends.quantized.engine = before
    assert outcomes(grade) == {}


def test_answers_for_the_published_inputs_fail_every_hidden_check(sandbox: Sandbox) -> None:
    grade = grade_code(sandbox, submission(WRONG["only the published inputs"].changes))
    failed = {(r.check, r.visibility) for r in grade.results if r.outcome != "passed"}
    exponents = names("observer: nearest_exponent lower_clamp upper_clamp max_shift_amount")
    assert {(check, "hidden") for check in exponents} <= failed
