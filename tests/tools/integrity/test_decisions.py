"""The file of decisions: staff's own, which the kit reads and adds to."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.integrity.decisions import (
    VERDICTS,
    Decision,
    DecisionError,
    Verdict,
    add_decision,
    newest,
    read_decisions,
)

SEEN = Decision(students=("a", "b"), decision="seen", why="both in one room", by="ta1")


def test_without_a_file_nothing_is_decided(tmp_path: Path) -> None:
    assert read_decisions(tmp_path / "decisions.toml") == ()


def test_what_staff_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "decisions.toml"
    mine = '# ask Grace\n[[decision]]\nstudents = ["a"]\ndecision = "suspected"\nwhy = "a mail"\n'
    path.write_text(mine)
    add_decision(path, SEEN)
    assert path.read_text().startswith(mine)
    assert [one.why for one in read_decisions(path)] == ["a mail", "both in one room"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_newest_counts_and_all_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "decisions.toml"
    for verdict in ("seen", "cleared"):
        add_decision(path, SEEN.model_copy(update={"decision": verdict}))
    assert [one.decision for one in read_decisions(path)] == ["seen", "cleared"]
    assert newest(read_decisions(path))[frozenset("ba")].decision == "cleared"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[decision]", "not TOML"),
        ('[[decision]]\nstudents = ["a"]\ndecision = "guilty"\n', "decision.1.decision"),
        ('[[decision]]\nstudents = []\ndecision = "seen"\n', "decision.1.students"),
        ('[[decision]]\nstudents = ["a", "b", "c"]\ndecision = "seen"\n', "decision.1.students"),
        ("points = 3\n", "points"),
    ],
)
def test_what_can_t_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "decisions.toml"
    path.write_text(text)
    with pytest.raises(DecisionError, match=said) as caught:
        read_decisions(path)
    assert str(path) in str(caught.value)


texts = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=60)
@given(
    st.lists(texts.filter(bool), min_size=1, max_size=2),
    st.sampled_from(VERDICTS),
    texts,
    st.none() | st.datetimes(timezones=st.timezones(), allow_imaginary=False),
)
def test_every_decision_survives(
    tmp_path_factory: pytest.TempPathFactory,
    students: list[str],
    verdict: Verdict,
    why: str,
    at: datetime | None,
) -> None:
    path = tmp_path_factory.mktemp("decisions") / "decisions.toml"
    decision = Decision(students=tuple(students), decision=verdict, why=why, by="ta", at=at)
    add_decision(path, decision)
    (there,) = read_decisions(path)
    assert (there.students, there.decision, there.why) == (tuple(students), verdict, why)
    if at is not None:
        assert there.at is not None
        assert abs((there.at - at).total_seconds()) < 1
