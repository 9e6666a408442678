"""The mutants, the oracle, and what the grader says of some of them beside it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import catalog
from autograder.host.sandbox import Sandbox
from tests.conftest import ROOT, SOLVED
from tests.making.grades import grade, result
from tests.mutation import comparison
from tests.mutation.__main__ import Court, Tally, read, run
from tests.mutation.comparison import Disagreement, compare
from tests.mutation.edits import edits
from tests.mutation.judges import Judges, Verdict
from tests.mutation.mutants import edited, file_of, halves, mutant, source_of, tree_of
from tests.mutation.oracle.bullets import BULLETS
from tests.mutation.spellings import SPELLINGS

HOLDS, BROKEN = Verdict("holds"), Verdict("broken", "off by 1")
LONG_S = 600  # an hour is for the command


@pytest.fixture(scope="module")
def judges() -> Iterator[Judges]:
    with Judges() as warm:
        yield warm


def faults(verdicts: dict[str, Verdict]) -> set[str]:
    return {name for name, verdict in verdicts.items() if verdict.is_fault}


# The oracle


def test_the_whole_contract_holds_for_the_solution(judges: Judges) -> None:
    assert judges.judge(SOLVED) == dict.fromkeys(BULLETS, HOLDS)


def test_nothing_holds_for_the_skeleton(judges: Judges) -> None:
    skeleton = {name: (ROOT / "assignment" / "lab3" / name).read_bytes() for name in SOLVED}
    assert HOLDS not in judges.judge(skeleton).values()


@pytest.mark.parametrize(
    ("file", "old", "new", "broken"),
    [
        ("observer.py", "round(-math", "math.ceil(-math", {"scale.nearest", "scale.clamped"}),
        ("observer.py", "math.isinf(scale)", "False", {"scale.finite"}),
        (
            "resnet.py",
            "else self.downsample(x)",
            "else self.downsample(x.detach())",
            {"block.gradients"},
        ),
        (
            "resnet.py",
            "block.fuse_model(is_qat)",
            "block.fuse_model(is_qat).x",
            {"fuse_network.runs", "ptq.converts", "qat.fake_quantize"},
        ),
        (
            "resnet.py",
            "return self.skip_add_relu",
            "__import__('os')._exit(0)\n        return self",
            {"add.value", "add.functional", "add.int8", "ptq.converts", "qat.fake_quantize"},
        ),
    ],
    ids=["ceil", "no guard", "detached", "no blocks", "exit"],
)
def test_a_fault_breaks_its_bullets_alone(
    judges: Judges, file: str, old: str, new: str, broken: set[str]
) -> None:
    source = SOLVED[file].decode()
    assert source.count(old) == 1
    files = SOLVED | {file: source.replace(old, new).encode()}
    found = faults(judges.judge(files))
    # What waits for a process that ended is crashed or unjudged.
    assert broken <= found
    assert {name for name in found - broken if name.split(".")[0] not in ("ptq", "qat")} == set()


# Mutants


def test_a_number_stands_for_one_mutant_and_numbers_for_many() -> None:
    mutants = [mutant(seed) for seed in range(8)]
    assert [mutant(seed) for seed in range(8)] == mutants
    assert len({tuple(m.files.items()) for m in mutants}) > 6
    for tried in mutants:
        assert tried.diff
        for source in tried.files.values():
            compile(source, "mutant", "exec")


@pytest.mark.parametrize("function", SPELLINGS, ids=".".join)
def test_every_function_has_edits_of_many_kinds(function: tuple[str, str]) -> None:
    source = source_of(tree_of(file_of(function)))
    found = list(edits(ast.parse(source), *function))
    assert len({edit.name for edit in found}) > 100
    assert len({edit.kind for edit in found}) > 7
    assert any(edited(source, function, edit) not in ("", source) for edit in found[-20:])


def test_two_steps_are_tried_alone() -> None:
    drawn = next(m for m in map(mutant, range(100)) if len(m.steps) == 2)
    assert {half.steps for half in halves(drawn)} <= {(step,) for step in drawn.steps}
    assert halves(drawn)


# The comparison


@pytest.mark.parametrize(
    ("broken", "lost", "kinds"),
    [
        ((), (), []),
        (("scale.nearest",), ("observer.nearest_exponent",), []),
        (("scale.nearest",), (), ["missed: scale.nearest"]),
        ((), ("forward.gradients",), ["undeserved: forward.gradients"]),
        (
            ("scale.nearest",),
            ("observer.lower_clamp",),
            ["misplaced: observer.lower_clamp", "missed: scale.nearest"],
        ),
        (
            ("block.addition",),
            ("forward.functional_addition",),
            ["misplaced: forward.functional_addition", "missed: block.addition"],
        ),
        (("fuse_network.stem",), ("fusion.stem", "ptq.int8_logits"), []),
        (("ptq.logits",), ("forward.stub_order",), ["undeserved: forward.stub_order"]),
    ],
)
def test_points_follow_faults(
    broken: tuple[str, ...], lost: tuple[str, ...], kinds: list[str]
) -> None:
    verdicts = {name: BROKEN if name in broken else HOLDS for name in BULLETS}
    told = compare(verdicts, grade(*map(result, lost)))
    assert [difference.key for difference in told] == kinds


def test_a_fault_of_the_grader_is_told() -> None:
    verdicts = dict.fromkeys(BULLETS, HOLDS)
    told = compare(verdicts, grade(result("ptq.converts", outcome="grader_error", said="ended")))
    assert told == [Disagreement("grader error", "ptq.converts", "ptq.converts: ended")]


def test_every_bullet_has_a_group_and_every_excuse_is_a_bullet() -> None:
    assert {name.split(".")[0] for name in BULLETS} == set(comparison.GROUPS_OF)
    assert set(comparison.CHECKS_OF) <= set(BULLETS)
    assert set(comparison.BY_GROUP) == set(catalog.CODE_GROUPS)
    listed = (*comparison.BY_CHECK.values(), *comparison.BY_FUNCTION.values())
    for excuse in {name for names in (*listed, *comparison.BY_GROUP.values()) for name in names}:
        assert any(name == excuse or name.startswith(excuse) for name in BULLETS)


# Both together

NAMED = {
    "fuse_model in other words": 31,
    "a clone between layers": 34,
    "a lambda": 40,
    "downsample by getattr": 68,
    "bn1 twice": 79,
    "downsample turned round": 17,
    "no longest shift": 29,
    "shift doubled": 4,
    "raises for zero": 78,
    "adds the output to itself": 47,
    "no quant": 64,
    "a fused copy": 75,
    "a scale that follows the mode": 9000394,
    "scales that round all weights to zero": 9000392,
    "a number for quant": 9000452,
    "train mode behind PTQ's fusing": 9000707,
    "a zero point beside an integer": 9000509,
    "eval mode behind QAT's fusing": 9001404,
    "a little beside each power of two": 12000433,
    "half as much again for a scale": 12000540,
    "another mode behind the addition": 12001000,
}
SLOWER = (
    "scales that round all weights to zero",
    "train mode behind PTQ's fusing",
    "a zero point beside an integer",
    "eval mode behind QAT's fusing",
    "a little beside each power of two",
    "half as much again for a scale",
    "another mode behind the addition",
    "a lambda",
    "downsample by getattr",
    "downsample turned round",
    "shift doubled",
    "no quant",
)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOWER)) for n in NAMED]
)
def test_the_grader_agrees_with_the_oracle(sandbox: Sandbox, judges: Judges, name: str) -> None:
    _, disagreements = Court(sandbox, judges).try_(mutant(NAMED[name]).files)
    assert disagreements == []


@pytest.mark.slow
def test_ten_minutes_of_mutants_find_no_disagreement(
    sandbox: Sandbox, judges: Judges, tmp_path: Path
) -> None:
    tally = Tally(next_seed=1_000_000)
    run(Court(sandbox, judges), tally, LONG_S, tmp_path / "found.json")
    assert tally.found == []
    assert tally.right > tally.graded / 10 > 1


class Agreeing(Court):
    """Finds no disagreement, and grades nothing."""

    def __init__(self) -> None:
        self.tried: list[bytes] = []

    def try_(self, files: dict[str, bytes]) -> tuple[dict[str, Verdict], list[Disagreement]]:
        self.tried.append(files["resnet.py"])
        return {}, []


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    run(first := Agreeing(), read(path, 5), 0.2, path)
    noted = read(path, 0)
    assert noted.next_seed >= 5 + noted.graded == 5 + len(first.tried) > 5
    at = noted.next_seed
    run(again := Agreeing(), noted, 0.2, path)
    assert again.tried[0] == mutant(at).files["resnet.py"]
