"""What grading a submission yields: data, once, from which every page and file is made."""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["passed", "failed", "not_implemented", "crashed", "timed_out", "grader_error"]
Visibility = Literal["public", "hidden"]
Share = Annotated[float, Field(ge=0, le=1)]


def exact(points: float) -> Decimal:
    """Return the decimal that a number of points prints as."""
    return Decimal(str(points))


def total(points: Iterable[float]) -> float:
    """Add points as decimals: a sum of floats may print as 4.000000001."""
    return float(sum(map(exact, points), Decimal()))


class Data(BaseModel):
    """What all models share."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Observation(Data):
    """One thing that a check looked at, in words: what was asked, expected and got."""

    question: str
    expected: str
    got: str
    holds: bool


class Place(Data):
    """Where in the student's files a function begins, or an error came from."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.function}"


class ImageCounts(Data):
    """How many test images a run's network gets right, in total after each look at more of them.

    ``seen`` grows up to ``images`` at most, and everything below it belongs to these looks. Where
    two networks are compared, ``right`` is FP32's, ``lost`` are images that only FP32 gets right
    and ``won`` those that only INT8 does. ``claimed`` is the accuracy in the run's log, if any.
    """

    run: str
    images: int
    seen: tuple[int, ...]
    right: tuple[int, ...]
    lost: tuple[int, ...] = ()
    won: tuple[int, ...] = ()
    claimed: float | None = None


class CheckpointSize(Data):
    """How large a run's INT8 checkpoint is, and what is wrong with its contents."""

    run: str
    bytes: int | None  # None where it was not handed in
    is_a_quarter: bool  # of the FP32 checkpoint, about
    fault: str = ""


class CheckResult(Data):
    """The verdict on one claim. ``share`` is the part of the points that it earned.

    ``waits_for`` names the claim that has to hold before this one can be judged, and ``held_up``
    the claims that wait for this one, or fail for the very same cause. ``said`` is what
    went wrong in one sentence; ``output`` what the student's code printed meanwhile. ``counts`` and
    ``sizes`` are the numbers that a rubric's thresholds are asked of.
    """

    check: str  # for example observer.lower_clamp
    visibility: Visibility
    claim: str
    points: float
    outcome: Outcome
    share: Share
    said: str = ""
    diagnosis: str = ""
    observations: tuple[Observation, ...] = ()
    counts: tuple[ImageCounts, ...] = ()
    sizes: tuple[CheckpointSize, ...] = ()
    place: Place | None = None
    waits_for: str | None = None
    held_up: tuple[str, ...] = ()
    is_claim_only: bool = False  # a log says so, and no checkpoint supports it
    by_clock: bool = False  # it timed out while its process waited, or got nothing of the processor
    output: str = ""
    seconds: float

    @property
    def name(self) -> str:
        """The part behind the dot, for ``-k``."""
        return self.check.split(".", 1)[1]

    @property
    def group(self) -> str:
        return self.check.split(".", 1)[0]

    @property
    def earned(self) -> float:
        return float(exact(self.points) * exact(self.share))

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for another claim, and nothing that was seen speaks against it."""
        return self.waits_for is not None and all(seen.holds for seen in self.observations)


class Resources(Data):
    """What the kernel says that a submission's processes used; the most that one had, or a sum."""

    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    output_bytes: int = 0

    def and_by(self, cpu_s: float, peak_memory_bytes: int, output_bytes: int) -> "Resources":
        """Add one more process."""
        return Resources(
            cpu_s=round(self.cpu_s + cpu_s, 3),
            peak_memory_bytes=max(self.peak_memory_bytes, peak_memory_bytes),
            output_bytes=self.output_bytes + output_bytes,
        )

    def and_those(self, other: "Resources") -> "Resources":
        """Add those of other processes."""
        return self.and_by(other.cpu_s, other.peak_memory_bytes, other.output_bytes)


class Grade(Data):
    """Everything about one grading. ``seed`` and the hashes make it repeatable."""

    version: Literal[1] = 1
    submission: str
    submission_sha256: str
    source: str = ""  # where the submission lay, as an absolute path
    rubric_sha256: str
    asked_sha256: str = ""  # of all in the rubric that decides what is asked and looked at
    kit: str
    sources_sha256: str = ""  # of the autograder and of the given files
    torch: str
    engine: str = ""  # that INT8 accuracies are counted with
    tier: str  # the walls that stood: namespaces, landlock or none
    walls: tuple[str, ...] = ()  # what they consisted of here
    canary: str = ""  # what the reference got on the same worker; empty when it was not graded
    is_canary_well: bool = True
    resources: Resources = Resources()
    seed: str
    data_set: str | None
    test_set: str = ""  # the private one, if there was one
    is_exact: bool = False  # all images were to be looked at
    accuracy_error: float  # probability that a verdict on an accuracy threshold is wrong
    problems: tuple[str, ...]  # what was wrong with the files handed in
    unread: str = ""  # why nothing of what was handed in could be graded
    notes: tuple[str, ...] = ()  # for staff alone: what to look at, none of it takes points
    results: tuple[CheckResult, ...]
    seconds: float

    @property
    def points(self) -> float:
        return total(result.points for result in self.results)

    @property
    def earned(self) -> float:
        return total(result.earned for result in self.results)

    @property
    def undecided(self) -> float:
        """Points that nobody can give or refuse before staff has looked."""
        return total(r.points for r in self.results if r.outcome == "grader_error")

    @property
    def needs_staff(self) -> bool:
        """Whether somebody has to look before it counts."""
        return bool(self.undecided or self.unread) or not self.is_canary_well

    @property
    def groups(self) -> dict[str, list[CheckResult]]:
        """The results by group, in the rubric's order."""
        groups: dict[str, list[CheckResult]] = {}
        for result in self.results:
            groups.setdefault(result.group, []).append(result)
        return groups


def first_unmet(results: Iterable[CheckResult], checks: Sequence[str]) -> CheckResult | None:
    """Return the first of these checks that didn't pass on public inputs, if there is one."""
    return next(
        (
            result
            for result in results
            if result.check in checks
            and result.visibility == "public"
            and result.outcome != "passed"
        ),
        None,
    )


def first_unwritten(results: Iterable[CheckResult], checks: Sequence[str]) -> CheckResult | None:
    """Return the first of these checks whose function isn't written: nothing builds on it."""
    return next(
        (r for r in results if r.check in checks and r.outcome == "not_implemented"),
        None,
    )


def with_held_up(results: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """Return the results, each public one with the names of the checks that wait for it."""
    waiting: dict[str, dict[str, None]] = {}
    for result in results:
        if result.waits_for and result.is_waiting and result.visibility == "public":
            waiting.setdefault(result.waits_for, {})[result.check] = None
    return tuple(
        result.model_copy(update={"held_up": tuple(waiting.get(result.check, ()))})
        if result.visibility == "public"
        else result
        for result in results
    )


def json_schema() -> str:
    """Return the JSON Schema of ``grade.json``."""
    return json.dumps(Grade.model_json_schema(), indent=2)
