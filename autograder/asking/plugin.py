"""The checks as pytest's tests: collected once a process, run for one submission after another."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import pytest

from autograder.asking.trial import Trial
from autograder.catalog import CHECKS, GROUPS, VISIBILITIES, builds_on, name_of
from autograder.claims import Charged, Evidence
from autograder.expected.inputs import Inputs
from autograder.host.client import Client
from autograder.measuring import Measurements
from autograder.results import CheckResult, Visibility
from autograder.rubric import Entry
from autograder.submissions.runs import Runs

# What checks don't use; every plugin takes part in each of them and takes its time.
UNUSED = (
    "cacheprovider capture debugging doctest faulthandler junitxml legacypath logging monkeypatch "
    "pastebin recwarn setuponly setupplan skipping stepwise terminal threadexception tmpdir "
    "unittest unraisableexception warnings"
).split()
OPTIONS = (
    *(f"-pno:{plugin}" for plugin in UNUSED),
    *("--noconftest", "-c", os.devnull),
    # Without the second, pytest lists every directory above the checks, up to the root.
    *("--rootdir", str(CHECKS), "--confcutdir", str(CHECKS)),
)
Items = dict[tuple[str, Visibility], pytest.Item]  # by check and visibility


class Checks:
    """A pytest plugin: provides for checks, and has the verdicts on them noted."""

    def __init__(self) -> None:
        self.items: Items = {}
        self.failure = "the check was not run"
        self.present: tuple[Trial, Entry] | None = None  # who is judged, and on what

    # What pytest calls, by the names of its hooks.

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "about(About): what a check is about, and builds on")

    def pytest_internalerror(self, excrepr: object) -> bool:
        self.failure = str(excrepr).strip().splitlines()[-1]
        return True  # it is told in the grade

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failure = str(report.longrepr).strip().splitlines()[-1]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        metafunc.parametrize("visibility", VISIBILITIES)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = {key_of(item): item for item in session.items}

    def pytest_runtestloop(self) -> bool:
        return True  # ``run`` is the loop

    @pytest.fixture(autouse=True)
    def visible(self, visibility: Visibility) -> Visibility:
        return visibility

    @pytest.fixture
    def trial(self) -> Trial:
        return self.judged()[0]

    @pytest.fixture
    def client(self, trial: Trial) -> Client:
        return trial.client_for(self.judged()[1])

    @pytest.fixture
    def runs(self, trial: Trial) -> Runs:
        return trial.measured.runs

    @pytest.fixture
    def measurements(self, trial: Trial) -> Measurements:
        return trial.measured

    @pytest.fixture
    def inputs(self, trial: Trial, visibility: Visibility) -> Inputs:
        return trial.seeded[visibility]

    @pytest.fixture
    def evidence(self) -> Evidence:
        return Evidence()

    @pytest.fixture
    def charged(self, trial: Trial) -> Charged:
        built_on = builds_on(self.judged()[1].check)

        def is_charged(*checks: str) -> bool:
            assert built_on.issuperset(checks), f"it is not excused by {set(checks) - built_on}"
            return trial.unmet(checks) is not None

        return is_charged

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Run a check, or say what it waits for, and note the verdict."""
        (trial, entry), began = self.judged(), time.monotonic()
        if first := trial.put_off(entry):
            self.tell(first)
            pytest.skip(f"it waits for {first.waits_for}")
        raised: Exception | None = None
        try:
            yield
        except Exception as error:
            raised = error
        evidence: Evidence = item.funcargs["evidence"]  # type: ignore[attr-defined]
        self.tell(trial.conclude(entry, evidence, raised, time.monotonic() - began))

    def judged(self) -> tuple[Trial, Entry]:
        """Return whose check runs, and the entry of the rubric that asks for it."""
        assert self.present is not None
        return self.present

    def tell(self, result: CheckResult) -> None:
        """Hear of a verdict: in a grade it is noted, which is all."""

    def run(self, trial: Trial, entries: Sequence[Entry]) -> None:
        """Run the checks of these entries in their order."""
        chosen = [self.items.get((entry.check, entry.visibility)) for entry in entries]
        following = [*chosen[1:], None]
        try:
            for entry, item, next_item in zip(entries, chosen, following, strict=True):
                self.present, judged = (trial, entry), len(trial.results)
                if item is not None:
                    item.ihook.pytest_runtest_protocol(item=item, nextitem=next_item)
                if len(trial.results) == judged:  # pytest itself failed
                    trial.note(entry, outcome="grader_error", said=self.failure)
        finally:
            self.present = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failure = str(report.longrepr).strip().splitlines()[-1]


@cache
def collected() -> Checks:
    """Return the checks, collected once: that takes as long as running all their fixtures."""
    checks = Checks()
    with alone():
        pytest.main(
            [*OPTIONS, *(str(CHECKS / f"test_{group}.py") for group in GROUPS)], plugins=[checks]
        )
    return checks


def key_of(item: pytest.Item) -> tuple[str, Visibility]:
    """Return the check and the visibility of an item."""
    assert isinstance(item, pytest.Function)
    visibility: Visibility = item.callspec.params["visibility"]  # type: ignore[assignment]
    return name_of(item.function), visibility


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
