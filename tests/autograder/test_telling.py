"""What a grade tells: hidden questions to nobody, one cause once, and what is missing first."""

import re

import pytest

from autograder.host.sandbox import Sandbox
from autograder.messages import describe
from autograder.results import Grade
from tests.conftest import SOLVED, Command, change
from tests.making.grading import grade_code

SPY = b"""

import sys
frame = sys._getframe()
while "PROBES" not in frame.f_globals:
    frame = frame.f_back
PROBES, KEPT = frame.f_globals["PROBES"], []


def spied(probe):
    def answer(question):
        KEPT.append(repr(question))
        print("ASKED", *KEPT)
        return probe(question)
    return answer


for kind, probe in list(PROBES.items()):
    PROBES[kind] = spied(probe)
"""


def test_what_a_hidden_check_asks_is_printed_in_no_public_one(sandbox: Sandbox) -> None:
    grade = grade_code(sandbox, {**SOLVED, "resnet.py": SOLVED["resnet.py"] + SPY})
    printed = {
        visibility: "".join(r.output for r in grade.results if r.visibility == visibility)
        for visibility in ("public", "hidden")
    }
    asked = {name: set(re.findall(r"\w+\([^)]*\d[^)]*\)", text)) for name, text in printed.items()}
    assert len(asked["public"]) > 10
    assert len(asked["hidden"]) > 10
    seeds = {name: set(re.findall(r"seed=\d{20,}", text)) for name, text in printed.items()}
    assert len(seeds["hidden"] - seeds["public"]) >= 3
    assert f"seed={int(grade.seed, 16)}" in printed["hidden"]
    assert f"seed={int(grade.seed, 16)}" not in printed["public"]


def broken(sandbox: Sandbox, head: bytes) -> Grade:
    return grade_code(sandbox, {**SOLVED, "resnet.py": head + SOLVED["resnet.py"]})


def test_one_cause_is_told_once_with_what_waits_for_it(sandbox: Sandbox) -> None:
    grade = broken(sandbox, b"import nothing_of_this_name\n")
    text = "No module named 'nothing_of_this_name'"
    public = [r for r in grade.results if r.visibility == "public" and r.outcome == "crashed"]
    assert len(public) > 20
    assert sum(text in describe(result) for result in public) == 1
    (first,) = [r for r in public if text in describe(r)]
    assert first.place is not None
    assert (first.place.file, first.place.line) == ("lab3/resnet.py", 1)
    assert set(first.held_up) >= {r.check for r in public if r.waits_for == first.check}
    assert "What waits for this: forward.block_with_shortcut" in describe(first)


@pytest.mark.parametrize(
    "head",
    [
        b"import scipy\n",
        b"from lab3 import helpers\n",
        b"from .helpers import a\n",
        b"import lab3.helpers as h\n",
    ],
)
def test_what_may_not_be_imported_is_named_before_any_check(sandbox: Sandbox, head: bytes) -> None:
    (problem,) = broken(sandbox, head).problems
    assert problem.startswith("lab3/resnet.py:1 imports ")
    assert problem.endswith(
        "this file may import Python's own modules, numpy, torch, torchvision and the given "
        "modules of lab3"
    )


def test_train_warns_of_what_will_be_missing(lab3: Command, student: object) -> None:
    path = student / "lab3" / "resnet.py"  # type: ignore[operator]
    change(path, "import torch\n", "import torch\nimport sklearn\n")
    done = lab3("train", "--dataset", "digits", "--name", "../x", cwd=student, fails=1)
    assert "lab3/resnet.py:" in done.stderr
    assert "imports sklearn, which is missing when it is graded" in done.stderr.replace("\n", " ")


def test_what_python_refuses_is_told_in_its_words(sandbox: Sandbox) -> None:
    grade = broken(sandbox, b'x = "\xc3\x28"\n')
    (first, *_) = [r for r in grade.results if r.outcome == "crashed"]
    assert "can't decode byte 0xc3" in first.said
    assert first.place is not None
    assert (first.place.file, first.place.line) == ("lab3/resnet.py", 1)
