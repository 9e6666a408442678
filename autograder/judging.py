"""Grading: runs the checks against one submission and returns the grade."""

import importlib
import inspect
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from autograder.claims import Charged, ClaimFailedError, Evidence
from autograder.expected.accuracy import draw_of
from autograder.expected.diagnoses import diagnose_fusion_error
from autograder.expected.inputs import Inputs, inputs_for
from autograder.host import contents
from autograder.host.answers import NoAnswerError
from autograder.host.child import Limits, SandboxError
from autograder.host.client import Client
from autograder.host.sandbox import Sandbox
from autograder.inside.experiments import same_engine
from autograder.inside.questions import Places
from autograder.measuring import Counting, Measurements, NeedsStaffError
from autograder.results import CheckResult, Grade, Outcome, Place, Resources, Visibility
from autograder.rubric import Entry, Rubric
from autograder.submissions.reading import Submission
from autograder.submissions.runs import MissingRunError, Runs
from autograder.submissions.sources import foreign_modules

CHECKS = Path(__file__).with_name("checks")
GROUPS = ("observer", "forward", "fusion", "ptq", "qat", "runs", "accuracy")
CODE_GROUPS = GROUPS[:5]
VISIBILITIES: tuple[Visibility, ...] = ("public", "hidden")
OUTPUT_LENGTH = 8_000
# What checks don't use; every plugin takes part in each of them and takes its time.
UNUSED = (
    "cacheprovider debugging doctest faulthandler junitxml legacypath logging monkeypatch pastebin "
    "recwarn setuponly setupplan skipping stepwise terminal threadexception tmpdir unittest "
    "unraisableexception warnings"
).split()
OPTIONS = (
    *(f"-pno:{plugin}" for plugin in UNUSED),
    *("-s", "--noconftest", "-c", os.devnull),
    # Without the second, pytest lists every directory above the checks, up to the root.
    *("--rootdir", str(CHECKS), "--confcutdir", str(CHECKS)),
)


@cache
def all_checks() -> dict[str, Callable[..., None]]:
    """Return every check by its name, ``group.name``, in the order of the lab's parts."""
    checks: dict[str, Callable[..., None]] = {}
    for group in GROUPS:
        module = importlib.import_module(f"autograder.checks.test_{group}")
        for name, value in vars(module).items():
            if name.startswith("test_") and inspect.isfunction(value):
                checks[f"{group}.{name.removeprefix('test_')}"] = value
    return checks


def claim_of(check: Callable[..., None]) -> str:
    """Return the claim of a check: its docstring's first paragraph."""
    paragraph = (inspect.getdoc(check) or "").split("\n\n")[0]
    return " ".join(paragraph.replace("``", "").split())


def limits_of(rubric: Rubric) -> Limits:
    table = rubric.document.limits
    return Limits(
        probe_s=table.probe_s,
        group_s=table.group_s,
        cpu_s=table.cpu_s,
        memory_bytes=table.memory_mb * 10**6,
        files=table.files,
        output_bytes=table.output_kb * 1000,
    )


def grade(
    submission: Submission,
    rubric: Rubric,
    sandbox: Sandbox,
    select: Callable[[Entry], bool] = lambda _: True,
    on_result: Callable[[CheckResult], None] = lambda _: None,
    counting: Counting = Counting(),
) -> Grade:
    """Return the grade of a submission; ``select`` may leave out entries of the rubric.

    What a selected check builds on is judged as well. Nothing that the submission does raises.
    """
    began = time.monotonic()
    with same_engine(), ExitStack() as stack:
        clients = {
            visibility: stack.enter_context(
                Client(dict(submission.files), sandbox, limits_of(rubric))
            )
            for visibility in VISIBILITIES
        }
        reader = stack.enter_context(Client({}, sandbox, limits_of(rubric)))
        session = Session(submission, rubric, clients, reader, on_result, counting)
        session.run(with_needs(rubric, select))
    used = Resources()
    for client in (*clients.values(), reader):
        used = used.and_those(client.used)
    return Grade(
        submission=submission.name,
        submission_sha256=submission.sha256,
        rubric_sha256=rubric.sha256,
        kit=version("lab3-kit"),
        sources_sha256=contents.sources_sha256(),
        torch=version("torch"),
        tier=sandbox.tier,
        walls=sandbox.walls,
        resources=used,
        seed=f"{session.seeded['hidden'].seed:x}",
        data_set=session.measured.runs.data_set,
        accuracy_error=rubric.document.accuracy_error,
        problems=(*foreign_modules(submission.files), *submission.problems),
        notes=session.measured.notes(),
        results=with_held_up(session.results),
        seconds=round(time.monotonic() - began, 3),
    )


def about(check: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return what ``claims.about`` says of a check: function, needs and follows."""
    marks = getattr(all_checks()[check], "pytestmark", [])
    mark: tuple[str, tuple[str, ...], tuple[str, ...]]
    mark = next(m.args for m in marks if m.name == "about")
    return mark


def with_needs(rubric: Rubric, select: Callable[[Entry], bool]) -> list[Entry]:
    """Return the selected entries and those they build on, in the rubric's order."""
    wanted = {entry for entry in rubric.entries if select(entry)}
    while True:
        marks = [about(entry.check) for entry in wanted]
        needed = {need for _, needs, follows in marks for need in needs + follows}
        more = {
            entry
            for entry in rubric.entries
            if entry.check in needed and entry.visibility == "public"
        } - wanted
        if not more:
            return [entry for entry in rubric.entries if entry in wanted]
        wanted |= more


def with_held_up(results: list[CheckResult]) -> tuple[CheckResult, ...]:
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


class Session:
    """One submission's checks: a pytest plugin that provides for them and notes their verdicts.

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
        self.rubric, self._clients, self.on_result = rubric, clients, on_result
        self.results: list[CheckResult] = []
        self.checks = all_checks()
        document = rubric.document
        self.seeded = {v: inputs_for(v, document.key, submission.sha256) for v in VISIBILITIES}
        runs = Runs(submission.runs, document.thresholds, submission.files)
        draw = draw_of(document.key, submission.sha256)
        self.measured = Measurements(runs, reader, document, counting, draw)
        self._causes: dict[tuple[object, ...], CheckResult] = {}
        self._failure = "the check was not run"
        self._entries: list[Entry] = []
        self._places: dict[str, tuple[str, int]] | None = None

    def run(self, entries: list[Entry]) -> None:
        """Run the checks of these entries in their order."""
        self._entries = entries
        files = dict.fromkeys(str(CHECKS / f"test_{e.check.split('.')[0]}.py") for e in entries)
        if not files:
            return
        with alone():
            code = pytest.main([*OPTIONS, *files], plugins=[self])
        if code == pytest.ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        judged = {(result.check, result.visibility) for result in self.results}
        for entry in entries:
            if (entry.check, entry.visibility) not in judged:  # pytest itself failed
                self._note(entry, outcome="grader_error", said=self._failure)

    # What pytest calls, by the names of its hooks.

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "about(function, needs, follows): what it is about")
        config.addinivalue_line("markers", "skip: what pytest gives a check that isn't asked")

    def pytest_internalerror(self, excrepr: object) -> bool:
        self._failure = str(excrepr).strip().splitlines()[-1]
        return True  # it is told in the grade

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._failure = str(report.longrepr).strip().splitlines()[-1]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        name = name_of(metafunc.function)
        metafunc.parametrize("entry", [e for e in self._entries if e.check == name], ids=visibility)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if is_asked(item)]
        items.sort(key=lambda item: self._entries.index(entry_of(item)))

    @pytest.fixture(autouse=True)
    def every_check_has_an_entry(self, entry: Entry) -> Entry:
        return entry

    @pytest.fixture
    def client(self, entry: Entry) -> Client:
        client = self._clients[entry.visibility]
        client.group = entry.check.split(".")[0]
        return client

    @pytest.fixture
    def runs(self) -> Runs:
        return self.measured.runs

    @pytest.fixture
    def measurements(self) -> Measurements:
        return self.measured

    @pytest.fixture
    def inputs(self, entry: Entry) -> Inputs:
        return self.seeded[entry.visibility]

    @pytest.fixture
    def evidence(self) -> Evidence:
        return Evidence()

    @pytest.fixture
    def charged(self) -> Charged:
        return lambda *checks: self._unmet(checks) is not None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Run a check, or say what it waits for, and note the verdict."""
        entry = entry_of(item)
        evidence: Evidence = item.funcargs["evidence"]  # type: ignore[attr-defined]
        began = time.monotonic()
        _, needs, follows = about(entry.check)
        if first := self._unmet(needs):
            self._note(
                entry,
                outcome=first.outcome,
                waits_for=first.waits_for or first.check,
                said=first.said,
                place=first.place,
            )
            item.obj = lambda **_: None  # type: ignore[attr-defined]
            return (yield)
        verdict: dict[str, Any]
        try:
            yield
            verdict = {"outcome": "passed", "share": 1.0}
            if not evidence.is_judged:
                verdict = {"outcome": "grader_error", "said": "the check judged nothing"}
        except Exception as error:
            verdict = verdict_on(error)
        first = self._unmet(follows)
        if verdict["outcome"] == "passed" and (unwritten := self._unwritten(follows)):
            verdict = {"outcome": "not_implemented", "said": unwritten.said}
            verdict["place"], first = unwritten.place, unwritten
        cause = cause_of(entry.check, verdict, evidence)
        first = first or self._causes.get(cause)
        if first and first.check != entry.check and not is_fine(verdict):
            verdict["waits_for"] = first.waits_for or first.check
            verdict["place"] = verdict.get("place") or first.place
        verdict["observations"] = tuple(evidence.observations)
        verdict["seconds"] = round(time.monotonic() - began, 4)
        self._note(entry, **verdict)
        if cause and entry.visibility == "public":
            self._causes.setdefault(cause, self.results[-1])
        return None

    def _unmet(self, checks: tuple[str, ...]) -> CheckResult | None:
        """Return the first of these checks that didn't pass on public inputs, if there is one."""
        return next(
            (
                result
                for result in self.results
                if result.check in checks
                and result.visibility == "public"
                and result.outcome != "passed"
            ),
            None,
        )

    def _unwritten(self, checks: tuple[str, ...]) -> CheckResult | None:
        """Return the first of these checks whose function isn't written: nothing builds on it."""
        return next(
            (
                result
                for result in self.results
                if result.check in checks and result.outcome == "not_implemented"
            ),
            None,
        )

    def _note(
        self, entry: Entry, outcome: Outcome, place: Place | None = None, **more: Any
    ) -> None:
        if place is None and outcome != "passed" and outcome != "grader_error":
            place = self._place(about(entry.check)[0])
        result = CheckResult(
            check=entry.check,
            visibility=entry.visibility,
            claim=claim_of(self.checks[entry.check]),
            points=entry.points,
            outcome=outcome,
            place=place,
            output=self._clients[entry.visibility].take_output()[:OUTPUT_LENGTH],
            **({"share": 0.0, "seconds": 0.0} | more),
        )
        self.results.append(result)
        self.on_result(result)

    def _place(self, function: str) -> Place | None:
        """Return where a function of the student begins, as far as their files can be imported."""
        if self._places is None:
            try:
                self._places = self._clients["public"].ask(Places()).places
            except (NoAnswerError, SandboxError):
                self._places = {}
        if function not in self._places:
            return None
        file, line = self._places[function]
        return Place(file=file, line=line, function=function)


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
            }
        case MissingRunError():
            return {"outcome": "failed", "said": str(error)}
        case SandboxError() | NeedsStaffError():
            return {"outcome": "grader_error", "said": str(error)}
        case _:
            return {"outcome": "grader_error", "said": f"{type(error).__name__}: {error}"}


def is_fine(verdict: Mapping[str, Any]) -> bool:
    """Tell whether there is nothing that a student has to mend."""
    return verdict["outcome"] in ("passed", "grader_error")


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
    return (about(check)[0], diagnosis) if diagnosis else ()


def visibility(entry: Entry) -> str:
    return entry.visibility


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a check: ``observer.lower_clamp``."""
    group = function.__module__.rsplit("test_", 1)[1]
    return f"{group}.{function.__name__.removeprefix('test_')}"


def is_asked(item: pytest.Item) -> bool:
    """Tell whether an item has an entry: what was not selected gets none."""
    spec = getattr(item, "callspec", None)
    return spec is not None and isinstance(spec.params.get("entry"), Entry)


def entry_of(item: pytest.Item) -> Entry:
    entry: Entry = item.callspec.params["entry"]  # type: ignore[attr-defined]
    return entry


@contextmanager
def alone() -> Iterator[None]:
    """Keep the user's settings and plugins of pytest out of the checks."""
    hidden = {"PYTEST_ADDOPTS": None, "PYTEST_PLUGINS": None, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    before = {name: os.environ.get(name) for name in hidden}
    for name, value in hidden.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
