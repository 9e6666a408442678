"""Which attempt counts, and how late it is."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from autograder.course.counting import Counted, candidates, counted
from autograder.course.index import Attempt, LmsLateness
from autograder.course.settings import Choice, Late, Settings
from tests.making.classes import COLLECTED, DEADLINE, attempt, index

SUBMISSIONS = Path("/submissions")
DUE = Settings(deadline=DEADLINE)


def with_settings(**fields: object) -> Settings:
    return DUE.model_copy(update=fields)


def of_ada(settings: Settings, *attempts: Attempt, **points: int) -> Counted:
    """What counts of attempts, some of which are graded."""

    def of(attempt: Attempt) -> Decimal | None:
        return Decimal(points[attempt.id]) if attempt.id in points else None

    (one,) = counted(settings, index(*attempts), SUBMISSIONS, of)
    return one


EARLY, IN_TIME, LATE, LATER = (
    attempt(name, late_h=hours) for name, hours in (("a", -9), ("b", -1), ("c", 2), ("d", 30))
)
UNKNOWN = attempt("u")


def test_the_rule_says_which_attempt_counts() -> None:
    everything = (LATE, EARLY, LATER, IN_TIME)
    on_time = of_ada(DUE, *everything)
    assert (on_time.attempt.id, on_time.late_by) == ("b", timedelta())
    assert on_time.why == "latest on time of 4 attempts; on time"
    assert on_time.path == Path("/submissions/attempts/b.zip")
    latest = of_ada(with_settings(rule="latest"), *everything)
    assert (latest.attempt.id, latest.late_by) == ("d", timedelta(hours=30))
    assert latest.why == "latest of 4 attempts; 1 day 6 h late"
    assert of_ada(DUE, LATER, LATE).attempt.id == "d"  # none is on time
    assert of_ada(DUE, LATE).why == "the only attempt; 2 h 00 min late"


def test_the_best_is_the_one_with_most_points_after_lateness() -> None:
    best = with_settings(rule="best", late=Late(percent=Decimal(50)))
    assert of_ada(best, EARLY, LATE, a=50, c=90).attempt.id == "a"
    assert of_ada(best, EARLY, LATE, a=40, c=90).attempt.id == "c"
    assert of_ada(best, EARLY, IN_TIME, a=50, b=50).attempt.id == "b"
    assert of_ada(best, EARLY, LATE, a=0).attempt.id == "a"
    none = of_ada(best, EARLY, LATE)
    assert (none.attempt.id, none.lost) == ("c", Decimal("0.5"))
    assert "none is graded yet" in none.why


def test_what_may_count_is_known_before_anything_is_graded() -> None:
    broken = attempt("x", late_h=-0.5, file=None, problem="is empty")
    both = attempt("g", "ada", "bob", late_h=-3)
    strict = with_settings(rule="best", late=Late(last_day=1), staff=("eve",))
    everything = index(EARLY, broken, both, LATE, LATER, attempt("e", "eve", late_h=-1))
    may = [(student.id, one.id) for student, one in candidates(strict, everything)]
    assert may == [("ada", "a"), ("ada", "g"), ("ada", "c"), ("bob", "g")]
    chosen = {"ada": Choice(attempt="d", reason="agreed by mail")}
    picked = candidates(strict.model_copy(update={"choices": chosen}), everything)
    assert [(student.id, one.id) for student, one in picked] == [("ada", "d"), ("bob", "g")]


def test_grace_and_extensions_move_what_is_late() -> None:
    assert of_ada(with_settings(grace=timedelta(hours=2)), LATE).is_late is False
    one = of_ada(with_settings(grace=timedelta(hours=1)), LATE)
    assert one.late_by == timedelta(hours=2)  # from the deadline all the same
    moved = with_settings(extensions={"ada": DEADLINE + timedelta(days=1)})
    assert of_ada(moved, LATE).late_by == timedelta()
    assert of_ada(moved, LATER).late_by == timedelta(hours=6)
    assert of_ada(Settings(), LATER).late_by == timedelta()


def test_what_comes_after_the_last_day_does_not_count() -> None:
    strict = with_settings(late=Late(last_day=1), rule="latest")
    assert of_ada(strict, LATE, LATER).attempt.id == "c"
    one = of_ada(strict, LATER)
    assert one.path is None
    assert one.problem == "was handed in more than 1 day after the deadline: it doesn't count"


def test_staff_may_choose_with_a_reason() -> None:
    chosen = with_settings(choices={"ada": Choice(attempt="a", reason="agreed by mail")})
    one = of_ada(chosen, EARLY, IN_TIME)
    assert (one.attempt.id, one.why) == ("a", "chosen by staff: agreed by mail; on time")


def test_an_unreadable_attempt_counts_only_when_there_is_no_other() -> None:
    broken = attempt("x", late_h=-0.5, file=None, problem="is empty")
    one = of_ada(DUE, IN_TIME, broken)
    assert one.attempt.id == "b"
    assert "a newer one can't be graded" in one.why
    one = of_ada(DUE, broken)
    assert (one.path, one.problem) == (None, "is empty")


def test_what_nobody_knows_is_said() -> None:
    one = of_ada(DUE, UNKNOWN)
    assert (one.is_late, one.late_by, one.lost) == (None, None, Decimal(0))
    assert one.path is not None
    assert one.asks_staff == "nothing tells when it was handed in"
    assert of_ada(Settings(), UNKNOWN).asks_staff == ""  # there is nothing to be late for
    one = of_ada(DUE, IN_TIME, UNKNOWN)
    assert (one.attempt.id, one.asks_staff) == ("b", "nothing tells when attempt u came")
    assert of_ada(DUE, attempt("u", collected=DEADLINE)).late_by == timedelta()


def test_what_the_lms_says_of_lateness_serves_where_no_time_is_known() -> None:
    late = attempt("l", lms="canvas", lms_lateness=LmsLateness(is_late=True, words="LATE"))
    on_time = attempt("o", lms="canvas", lms_lateness=LmsLateness(is_late=False))
    newer = COLLECTED + timedelta(days=1)
    assert of_ada(DUE, on_time, late.model_copy(update={"collected": newer})).attempt.id == "o"
    one = of_ada(with_settings(late=Late(percent=Decimal(10))), late)
    assert (one.is_late, one.late_by, one.lost) == (True, None, Decimal(0))
    assert one.asks_staff == "LATE, says canvas"
    known = attempt("k", late_h=-1, lms_lateness=LmsLateness(is_late=True))
    assert of_ada(DUE, known).is_late is False


def test_the_newest_of_equals_is_not_guessed() -> None:
    one = of_ada(DUE, attempt("u"), attempt("v"))
    assert one.path is None
    assert "nothing tells which is the newest" in (one.problem or "")
    assert "the attempts u and v is newer: name one below [choices]" in one.asks_staff
    later = attempt("v", collected=COLLECTED + timedelta(days=1))
    assert of_ada(DUE, attempt("u"), later).attempt.id == "v"
    again = attempt("u", again=later.collected + timedelta(days=1))
    assert "the attempts u and v is newer" in of_ada(DUE, again, later).asks_staff
    newest = attempt("w", collected=COLLECTED + timedelta(days=3))
    assert of_ada(DUE, again, later, newest).attempt.id == "w"


def test_a_groups_attempt_counts_for_each_by_their_own_deadline() -> None:
    moved = with_settings(
        extensions={"bob": DEADLINE + timedelta(days=1)}, staff=("eve",), grace=timedelta(hours=1)
    )
    both = counted(moved, index(attempt("g", "ada", "bob", "eve", late_h=3)), SUBMISSIONS)
    assert [(one.student.id, one.is_late) for one in both] == [("ada", True), ("bob", False)]
    assert both[0].path == both[1].path
    assert [one.folder for one in both] == ["ada", "bob"]
