"""One submission's checks: what they are provided with, and the verdicts on them."""

from collections.abc import Callable, Mapping
from typing import Any

from autograder.asking.verdicts import following, is_fine, waiting
from autograder.catalog import VISIBILITIES, about, all_checks, claim_of
from autograder.claims import ClaimFailedError, Evidence
from autograder.expected.accuracy import draw_of
from autograder.expected.diagnoses import diagnose_fusion_error
from autograder.expected.inputs import inputs_for
from autograder.host.answers import NoAnswerError
from autograder.host.child import SandboxError
from autograder.host.client import Client
from autograder.measuring import Counting, Measurements, NeedsStaffError
from autograder.results import CheckResult, Outcome, Place, Resources, Visibility, first_unmet
from autograder.rubric import Entry, Rubric
from autograder.submissions.budgets import StalledError
from autograder.submissions.reading import Submission
from autograder.submissions.runs import MissingRunError, Runs

OUTPUT_LENGTH = 8_000


class Trial:
    """What one submission is asked, and what comes of it.

    Hidden questions are asked in a process that never answers a public one: what student code
    learns from them can't be told by a public check. ``reader`` reads checkpoints.
    """

    def __init__(
        self,
        submission: Submission,
        rubric: Rubric,
        clients: dict[Visibility, Client],
        reader: Client,
        on_result: Callable[[CheckResult], None],
        counting: Counting,
    ) -> None:
        self.rubric, self.on_result = rubric, on_result
        self._clients, self._reader = clients, reader
        self.results: list[CheckResult] = []
        document = rubric.document
        self.seeded = {v: inputs_for(v, document.key, submission.sha256) for v in VISIBILITIES}
        runs = Runs(submission.runs, document.thresholds, submission.files)
        draw = draw_of(document.key, submission.sha256)
        self.measured = Measurements(runs, reader, document, counting, draw)
        self._causes: dict[tuple[object, ...], CheckResult] = {}

    @property
    def used(self) -> Resources:
        """What the submission's processes used, as far as they have ended."""
        used = Resources()
        for client in (*self._clients.values(), self._reader):
            used = used.and_those(client.used)
        return used

    def client_for(self, entry: Entry) -> Client:
        """Return who asks the questions of a check, in the time of its group."""
        client = self._clients[entry.visibility]
        client.group = entry.check.split(".")[0]
        return client

    def put_off(self, entry: Entry) -> CheckResult | None:
        """Note what a check waits for that can't be judged yet; None when it can."""
        if first := self.unmet(about(entry.check).needs):
            self.note(
                entry,
                outcome=first.outcome,
                waits_for=first.waits_for or first.check,
                said=first.said,
                place=first.place,
            )
            return self.results[-1]
        return None

    def conclude(
        self, entry: Entry, evidence: Evidence, raised: Exception | None, seconds: float
    ) -> CheckResult:
        """Note the verdict on a check that returned, or raised something."""
        verdict: dict[str, Any] = {"outcome": "passed", "share": 1.0}
        if raised:
            verdict = verdict_on(raised)
        elif not evidence.is_judged:
            verdict = {"outcome": "grader_error", "said": "the check judged nothing"}
        verdict, first = following(verdict, about(entry.check).follows, self.results)
        cause = cause_of(entry.check, verdict, evidence)
        verdict = waiting(verdict, entry.check, first or self._causes.get(cause))
        for numbers in ("observations", "counts", "sizes"):
            verdict[numbers] = tuple(getattr(evidence, numbers))
        verdict["seconds"] = round(seconds, 4)
        self.note(entry, **verdict)
        if cause and entry.visibility == "public":
            self._causes.setdefault(cause, self.results[-1])
            if verdict["outcome"] == "crashed":  # raised elsewhere, it may reach no line of theirs
                self._causes.setdefault((verdict["said"],), self.results[-1])
        return self.results[-1]

    def unmet(self, checks: tuple[str, ...]) -> CheckResult | None:
        """Return the first of these checks that didn't pass on public inputs, if there is one."""
        return first_unmet(self.results, checks)

    def note(self, entry: Entry, outcome: Outcome, place: Place | None = None, **more: Any) -> None:
        """Add a result, with what the student's code has printed meanwhile."""
        if place is None and outcome != "passed" and outcome != "grader_error":
            place = self._clients["public"].beginning(about(entry.check).function)
        result = CheckResult(
            check=entry.check,
            visibility=entry.visibility,
            claim=claim_of(all_checks()[entry.check]),
            points=entry.points,
            outcome=outcome,
            place=place,
            output=self._clients[entry.visibility].take_output()[:OUTPUT_LENGTH],
            **({"share": 0.0, "seconds": 0.0} | more),
        )
        self.results.append(result)
        self.on_result(result)


def verdict_on(error: Exception) -> dict[str, Any]:
    """Return the fields of a result that say what a check raised."""
    match error:
        case ClaimFailedError():
            names = ("outcome", "said", "diagnosis", "share", "is_claim_only", "place")
            return {name: getattr(error, name) for name in names}
        case NoAnswerError():
            is_crash = error.error is not None and error.outcome == "crashed"
            diagnosis = diagnose_fusion_error(error.error) if is_crash else ""  # type: ignore[arg-type]
            place = error.place
            return {
                "outcome": error.outcome,
                "said": error.said,
                "diagnosis": diagnosis,
                "place": place,
                "by_clock": error.by_clock,
            }
        case MissingRunError():
            return {"outcome": "failed", "said": str(error)}
        case SandboxError() | NeedsStaffError() | StalledError():
            return {"outcome": "grader_error", "said": str(error)}
        case _:
            return {"outcome": "grader_error", "said": f"{type(error).__name__}: {error}"}


def cause_of(check: str, verdict: Mapping[str, Any], evidence: Evidence) -> tuple[object, ...]:
    """Return what is the same for verdicts of one cause, which is told once; empty if unknown."""
    if is_fine(verdict):
        return ()
    if place := verdict.get("place"):  # what one line raises may be told with other sizes
        return (place,)
    said = verdict["said"]
    is_error = verdict["outcome"] in ("crashed", "not_implemented") and evidence.holds
    if is_error or said in {seen.got for seen in evidence.observations} - {""}:
        return (said,)
    diagnosis = verdict.get("diagnosis")
    return (about(check).function, diagnosis) if diagnosis else ()
