"""Every item gets exactly one grade, whatever happens to the processes that grade."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from autograder.batch.local import LocalPool
from autograder.batch.orders import Judged, Message, Postponed, Reduced
from autograder.batch.pool import NoGraderError
from autograder.grades.items import Graded
from tests.autograder.batch.conftest import Grade, graded
from tests.making import scripted
from tests.making.scripted import item, noted


def slow(*values: object) -> object:
    """Return values of a parameter that only the slow suite tries."""
    return pytest.param(*values, marks=pytest.mark.slow)


def outcomes(messages: list[Message]) -> dict[str, str]:
    return {
        folder: "/".join({result.outcome for result in one.grade.results})
        for folder, one in graded(messages).items()
    }


def postponed(messages: list[Message]) -> dict[str, str]:
    return {m.folder: m.why for m in messages if isinstance(m, Postponed)}


def test_all_is_graded_by_some_processes_at_once(grade: Grade, tmp_path: Path) -> None:
    messages = grade(*(item(name, "takes time") for name in "abcdef"), jobs=2)
    assert outcomes(messages) == dict.fromkeys("abcdef", "passed")
    assert len(noted(tmp_path, "start")) == 2
    assert {m.folder for m in messages if isinstance(m, Judged)} == set("abcdef")
    assert not postponed(messages)


@pytest.mark.slow
def test_no_more_processes_start_than_there_are_items(grade: Grade, tmp_path: Path) -> None:
    assert outcomes(grade(item("a"), jobs=4)) == {"a": "passed"}
    assert len(noted(tmp_path, "start")) == 1


def test_with_nothing_to_grade_everything_ends(grade: Grade, tmp_path: Path) -> None:
    assert grade() == []
    assert not noted(tmp_path, "vouch")


def test_a_pool_grades_again_and_again(scripts: None, tmp_path: Path) -> None:  # noqa: ARG001
    with LocalPool(scripted.task(tmp_path), 1) as pool:
        for name in "ab":
            assert outcomes(list(pool.grade([item(name)]))) == {name: "passed"}
    assert len(noted(tmp_path, "start")) == 1


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        ("kills", "the process that graded it was ended by SIGKILL"),
        ("kills the server", "the process that graded it died: its server has died"),
        slow("kills at the canary", "the process that graded it was ended by SIGKILL"),
        slow("fails", "the process that graded it failed: 1 by 0"),
    ],
)
def test_what_kills_its_process_is_left_to_staff_alone(
    fate: str, why: str, grade: Grade, tmp_path: Path
) -> None:
    messages = grade(item("a"), item("killer", fate), item("b"), item("c"))
    assert outcomes(messages) == {"killer": "grader_error", **dict.fromkeys("abc", "passed")}
    lost = graded(messages)["killer"].grade
    assert lost.needs_staff
    assert lost.earned == 0
    assert lost.results[0].said == f"{why}, as another one did before: grade it again"
    assert postponed(messages)["killer"] == why
    assert len(noted(tmp_path, "grade-killer")) == 2


@pytest.mark.parametrize("fate", [slow("kills once"), slow("fails once"), "kills the server once"])
def test_what_went_wrong_once_is_graded_again(fate: str, grade: Grade) -> None:
    messages = grade(*(item(n, "takes time") for n in "ab"), item("c", fate), item("d"), jobs=2)
    assert outcomes(messages) == dict.fromkeys("abcd", "passed")
    assert "c" in postponed(messages)


def test_a_worker_that_is_not_well_takes_nobody_with_it(grade: Grade) -> None:
    messages = grade(item("a"), item("harmful", "harms"), item("b"))
    assert outcomes(messages) == dict.fromkeys(("a", "harmful", "b"), "passed")
    wells = {folder: one.grade.is_canary_well for folder, one in graded(messages).items()}
    assert wells == {"a": True, "harmful": False, "b": True}
    assert postponed(messages) == dict.fromkeys(wells, "the reference failed it")


@pytest.mark.slow
def test_an_accident_of_a_worker_costs_nothing(grade: Grade) -> None:
    messages = grade(item("a"), item("b", "harms once"))
    assert all(one.grade.is_canary_well for one in graded(messages).values())


@pytest.mark.parametrize(
    ("fate", "outcome"),
    [
        slow("waits", "timed_out"),
        ("waits once", "passed"),
        slow("loses its code's process", "crashed"),
        slow("loses its code's process once", "passed"),
        slow("loses a reader once", "passed"),
    ],
)
def test_what_may_be_no_fault_of_the_code_is_asked_again_alone(
    fate: str, outcome: str, grade: Grade, tmp_path: Path
) -> None:
    others = [item(name, "takes time") for name in "abcd"]
    messages = grade(item("w", fate), *others, jobs=2)
    assert outcomes(messages) == {"w": outcome, **dict.fromkeys("abcd", "passed")}
    assert set(postponed(messages)) == {"w"}
    notes = [line.split()[0] for line in noted(tmp_path) if not line.startswith("sent-")]
    alone = notes[len(notes) - notes[::-1].index("grade-w") - 1 :]
    assert alone == ["grade-w", "graded-w", "vouch"]


def test_what_can_not_be_read_needs_no_canary(grade: Grade, tmp_path: Path) -> None:
    messages = grade(item("a", "broken"))
    assert graded(messages)["a"].grade.unread
    assert not noted(tmp_path, "vouch")
    assert not [message for message in messages if isinstance(message, Judged)]


@pytest.mark.parametrize("fate", [slow("hangs"), "is stopped"])
def test_a_process_that_says_nothing_is_ended(
    fate: str, grade: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.batch.handle.STUCK_S", 0.6)
    messages = grade(item("a"), item("stuck", fate), item("b"))
    assert outcomes(messages) == {"a": "passed", "b": "passed", "stuck": "grader_error"}
    assert "said nothing for 1 s" in postponed(messages)["stuck"]


def test_a_process_that_stops_in_the_middle_of_a_message_is_ended(
    grade: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.batch.server.MIDDLE_S", 1)
    messages = grade(item("a"), item("half", "is stopped in the middle"), item("b"))
    assert outcomes(messages) == {"a": "passed", "b": "passed", "half": "grader_error"}
    assert "stopped in the middle" in postponed(messages)["half"]


def test_facts_alone_need_no_grading_process(scripts: None, tmp_path: Path) -> None:  # noqa: ARG001
    with LocalPool(scripted.task(tmp_path), jobs=0) as pool:
        assert pool.facts.kit == "0.1.0"
        assert list(pool.grade([])) == []
    assert not noted(tmp_path, "start")


def test_grades_come_every_few_seconds(grade: Grade, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that little is lost with a process."""
    monkeypatch.setattr("autograder.batch.local.VOUCH_S", 0.3)
    messages = grade(*(item(name, "takes time") for name in "abcd"), item("e", "kills"))
    kinds = [type(message) for message in messages]
    assert kinds.index(Graded) < len(kinds) - 1 - kinds[::-1].index(Judged)
    assert "a" not in postponed(messages)
    assert outcomes(messages) == {"e": "grader_error", **dict.fromkeys("abcd", "passed")}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["die", "server"])
def test_the_first_start_may_fail_once(how: str, grade: Grade, tmp_path: Path) -> None:
    assert outcomes(grade(item("a"), starts=(how,))) == {"a": "passed"}
    assert len(noted(tmp_path, "start")) == 2


@pytest.mark.parametrize(
    ("starts", "said", "count"),
    [
        (("die", "die"), "a grading process was ended by SIGKILL", 2),
        slow(("server", "server"), "a grading process died: its server has died", 2),
        (("refuse",), "no walls stand here", 1),
    ],
)
def test_where_no_process_can_grade_that_is_told(
    starts: tuple[str, ...], said: str, count: int, grade: Grade, tmp_path: Path
) -> None:
    with pytest.raises(NoGraderError) as caught:
        grade(item("a"), starts=starts)
    assert str(caught.value) == said
    assert len(noted(tmp_path, "start")) == count


@pytest.mark.parametrize(
    ("starts", "said"),
    [
        slow(("well", "refuse", "refuse"), "a grading process failed: no walls stand here"),
        slow(("well", "die", "die"), "a grading process was ended by SIGKILL"),
        (
            ("well", "weaker", "weaker"),
            "a grading process failed: found landlock where others have namespaces",
        ),
    ],
)
def test_the_others_go_on_without_a_process_that_does_not_start(
    starts: tuple[str, ...], said: str, grade: Grade, tmp_path: Path
) -> None:
    messages = grade(*(item(name, "takes time") for name in "abcd"), jobs=2, starts=starts)
    assert outcomes(messages) == dict.fromkeys("abcd", "passed")
    assert [message for message in messages if isinstance(message, Reduced)] == [Reduced(said)]
    assert len(noted(tmp_path, "start")) == len(starts)


def test_the_last_process_is_replaced_although_others_did_not_start(grade: Grade) -> None:
    items = [*(item(name, "takes time") for name in "abc"), item("d", "kills once")]
    messages = grade(*items, jobs=2, starts=("well", "refuse", "die"))
    assert outcomes(messages) == dict.fromkeys("abcd", "passed")


@pytest.mark.slow
def test_a_stuck_start_is_ended(grade: Grade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.batch.handle.STUCK_S", 0.6)
    assert outcomes(grade(item("a"), starts=("hang",))) == {"a": "passed"}


CALLER = """
import sys
from pathlib import Path
from autograder.batch import local, server
from tests.making import scripted
server.BOOTSTRAP = scripted.BOOTSTRAP
with local.LocalPool(scripted.task(Path(sys.argv[1])), 2) as pool:
    for message in pool.grade([scripted.item("a", "hangs"), scripted.item("b", "is stopped")]):
        print(message, flush=True)
"""


@pytest.mark.parametrize("moment", [slow("start"), "grade-b"])
def test_everything_dies_with_a_caller_that_is_killed(moment: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", CALLER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as caller:
        while not noted(tmp_path, moment):
            time.sleep(0.02)
        family = psutil.Process(caller.pid).children(recursive=True)
        caller.send_signal(signal.SIGKILL)
    assert len(family) >= 2
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def interrupted(folder: Path) -> None:
    """Interrupt a grading as it goes on."""
    with LocalPool(scripted.task(folder), 1) as pool:
        for _ in pool.grade([item("a", "hangs")]):
            raise KeyboardInterrupt


def test_an_interrupted_grading_leaves_nothing(scripts: None, tmp_path: Path) -> None:  # noqa: ARG001
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path)


def test_an_interrupted_start_leaves_nothing(scripts: None, tmp_path: Path) -> None:  # noqa: ARG001
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.8)
    with pytest.raises(KeyboardInterrupt):
        LocalPool(scripted.task(tmp_path, "hang"), 1)
