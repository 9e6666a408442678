"""Workers are replaced in time, and the reference tells whether one stayed well."""

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autograder.asking import judging
from autograder.grading import grade_path
from autograder.host.sandbox import Sandbox
from autograder.options import Event, Options
from autograder.results import Grade
from autograder.rubric import Entry
from autograder.workers import Verdict, Workers
from tests.conftest import SOLVED
from tests.hostile.attacks.making import SKELETON
from tests.making.grading import RUBRIC, handed_in

CRASHING = {**SOLVED, "observer.py": b"import os\nos._exit(1)\n"}
BROKEN = {**SOLVED, "observer.py": b"raise ValueError\n"}  # wrong, and no anomaly


def is_of_the_observer(entry: Entry) -> bool:
    return entry.check.startswith("observer.")


@contextmanager
def workers(
    canary: dict[str, bytes] | None, verdicts: list[Verdict], renew_after: int = 25
) -> Iterator[Workers]:
    submission = handed_in(canary) if canary else None
    with Workers(Sandbox(), RUBRIC, submission, verdicts.append, renew_after) as made:
        yield made


def serve(made: Workers, name: str, files: dict[str, bytes]) -> tuple[int, Grade]:
    """Return the process id of the worker that served a submission, and the observer's grade."""
    with made.serving(name) as sandbox:
        pid = sandbox._worker._process.pid
        return pid, judging.grade(handed_in(files), RUBRIC, sandbox, is_of_the_observer)


def test_a_worker_is_replaced_after_an_anomaly_and_after_so_many() -> None:
    verdicts: list[Verdict] = []
    handed = {"a": SOLVED, "wrong": BROKEN, "crashing": CRASHING, **dict.fromkeys("bcde", SOLVED)}
    with workers(None, verdicts, renew_after=3) as made:
        served = [serve(made, name, files)[0] for name, files in handed.items()]
    first, after_crash, after_three = served[0], served[3], served[6]
    assert served == [first] * 3 + [after_crash] * 3 + [after_three]
    assert len({first, after_crash, after_three}) == 3
    assert not verdicts


def test_the_reference_gets_full_points_after_hostile_submissions() -> None:
    verdicts: list[Verdict] = []
    with workers(SOLVED, verdicts) as made:
        serve(made, "ada", BROKEN)
        serve(made, "bob", CRASHING)
        _, grade = serve(made, "eve", SOLVED)
    assert grade.earned == grade.points
    assert [verdict.submissions for verdict in verdicts] == [("ada", "bob"), ("eve",)]
    assert all(v.is_well and str(v) == "the reference got 74 of 74 points" for v in verdicts)


def test_staff_is_told_when_the_reference_loses_points() -> None:
    verdicts: list[Verdict] = []
    with workers({**SOLVED, "observer.py": SKELETON["observer.py"]}, verdicts) as made:
        serve(made, "ada", BROKEN)
        serve(made, "bob", BROKEN)
    (verdict,) = verdicts
    assert not verdict.is_well
    assert "observer.lower_clamp" in str(verdict)
    assert "do not trust the grades of ada, bob" in str(verdict)


def test_a_worker_that_died_is_told_and_replaced() -> None:
    verdicts: list[Verdict] = []
    with workers(SOLVED, verdicts) as made:
        pid, _ = serve(made, "ada", BROKEN)
        os.kill(pid, 9)
        _, lost = serve(made, "bob", SOLVED)
        _, found = serve(made, "eve", SOLVED)
    assert {result.outcome for result in lost.results} == {"grader_error"}
    assert found.earned == found.points
    assert [verdict.is_well for verdict in verdicts] == [False, True]


@pytest.mark.parametrize(
    "after", [pytest.param(3, marks=pytest.mark.slow), 5, pytest.param(12, marks=pytest.mark.slow)]
)
def test_a_worker_that_dies_in_the_middle_takes_no_points(after: int) -> None:
    """Whether it is asked once more or not."""
    judged: list[object] = []
    with Sandbox() as sandbox:

        def kill_it(result: object) -> None:
            judged.append(result)
            if len(judged) == after:
                os.kill(sandbox._worker._process.pid, 9)

        grade = judging.grade(handed_in(SOLVED), RUBRIC, sandbox, is_of_the_observer, kill_it)
    outcomes = [result.outcome for result in grade.results]
    assert len(outcomes) == 14
    assert outcomes[:after] == ["passed"] * after
    assert set(outcomes[after:]) <= {"grader_error", "passed"}  # what was answered before counts
    assert sandbox.anomalies


def test_a_grade_names_its_canary(monkeypatch: pytest.MonkeyPatch, student: Path) -> None:
    monkeypatch.setattr("autograder.grading.reference", lambda: handed_in(SKELETON))
    grade = grade_path(student, RUBRIC)
    assert not grade.is_canary_well
    assert "do not trust the grades of student" in grade.canary
    assert grade.earned > 0


def test_a_grade_is_a_library_call(student: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Arguments and result go to other processes, and nothing is printed."""
    options = Options(visibilities=("public",), keyword="clamp")
    again = pickle.loads(pickle.dumps((student, RUBRIC, options)))
    events: list[Event] = []
    grade = grade_path(*again, events.append)
    assert [result.check for result in grade.results] == [
        "observer.follows_the_scale",
        "observer.lower_clamp",
        "observer.upper_clamp",
    ]
    assert pickle.loads(pickle.dumps(grade)) == grade
    assert grade.earned == grade.points > 0
    assert grade.canary == "the reference got 74 of 74 points"
    assert len(grade.sources_sha256) == 64
    assert [event.kind for event in events] == [
        "warming",
        *["judging"] * 4,
        "canary",
    ]
    assert [(event.done, event.total) for event in events[1:5]] == [(n, 3) for n in range(4)]
    assert capfd.readouterr() == ("", "")
