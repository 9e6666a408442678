"""A sandbox that is replaced when an attack broke it, and an alarm for a grader that hangs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from autograder.host.child import Limits, SandboxError, WorkerError
from autograder.host.sandbox import Sandbox
from tests.hostile.attacks import SECRET_PREFIX

SECRET = f"{SECRET_PREFIX}5a1f0c77"  # in the environment of the grader, and in a file


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """Fail a test that hangs; the alarm goes on ringing, for what hangs once hangs again."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise pytest.exit.Exception("the grader hangs")  # what a grading's own pytest lets through

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    except pytest.exit.Exception as hang:
        pytest.fail(str(hang))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def warm() -> Iterator[list[Sandbox]]:
    """The sandbox in use; its grader has a secret in its environment from the beginning."""
    os.environ["LAB3_CANARY"] = SECRET
    held = [Sandbox(("namespaces",))]
    yield held
    held[0].close()
    del os.environ["LAB3_CANARY"]


@pytest.fixture
def sandbox(warm: list[Sandbox]) -> Iterator[Sandbox]:
    """A warm sandbox; a broken one is not handed on to the next test."""
    yield warm[0]
    try:
        with no_longer_than(5):
            warm[0].fork({}, Limits(probe_s=4)).close()
    except (OSError, SandboxError, WorkerError, pytest.fail.Exception):
        warm[0].close()
        warm[0] = Sandbox(("namespaces",))
