"""The commands on other people's computers: containers, old kernels, ordinary users."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.host import remedies
from autograder.host.remedies import System, remedy
from autograder.host.sandbox import why_no_landlock, why_not
from tests.conftest import ROOT
from tests.making import machines

needs_both = pytest.mark.skipif(
    why_not("namespaces") is not None or why_no_landlock() is not None,
    reason="these walls don't stand here, so that they can't be taken away",
)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that any user may change."""
    with tempfile.TemporaryDirectory(prefix="lab3-test-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def lab3_at(machine: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    if fault := machines.why_not(machine):
        pytest.skip(fault)
    command = [sys.executable, "-W", "ignore", "-m", "tools", *map(str, arguments)]
    done = subprocess.run(
        machines.there(machine, command),
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), "COLUMNS": "100", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@needs_both
@pytest.mark.parametrize(
    ("machine", "stands", "told"),
    [
        pytest.param("", {"namespaces", "landlock"}, "", marks=pytest.mark.slow),
        pytest.param("no-namespaces", {"landlock"}, "namespace", marks=pytest.mark.slow),
        ("no-namespaces,ordinary-user", {"landlock"}, "namespace"),
        ("no-namespaces,no-landlock", set(), "Landlock can't be used: Function not implemented"),
        ("no-users", set(), "becoming another user is impossible"),
    ],
)
def test_doctor_tells_the_truth(machine: str, stands: set[str], told: str, shared: Path) -> None:
    if machine == "no-users" and os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    found = json.loads(lab3_at(machine, "doctor", "--json", cwd=shared).stdout)
    walls = {tier: text for tier, text in found["walls"].items() if tier != "none"}
    assert {tier for tier, text in walls.items() if text.startswith("works")} == stands
    assert told in " ".join(walls.values())
    for text in walls.values():
        assert text.startswith("works") or "; " in text  # the remedy
    assert found["bubblewrap"].endswith(("the system's", "as reviewed"))
    assert found["landlock"].startswith("Landlock" if "no-landlock" in machine else "version")


@needs_both
def test_nobody_elses_code_is_graded_without_walls(shared: Path) -> None:
    done = lab3_at("no-namespaces,no-landlock", "grade", ROOT / "assignment", cwd=shared)
    assert done.returncode == 1
    assert "student code can't be shut in on this computer" in done.stderr
    for tier in ("namespaces: ", "landlock: "):
        assert tier in done.stderr
    assert "use Linux 5.13 or newer" in done.stderr
    assert not list(shared.iterdir())


@pytest.mark.long
@needs_both
def test_stronger_walls_can_be_demanded_and_no_weaker_ones(shared: Path) -> None:
    demand = ("grade", ROOT / "assignment", "--walls", "namespaces")
    refused = lab3_at("no-namespaces", *demand, cwd=shared)
    assert refused.returncode == 1
    assert "namespaces: " in refused.stderr
    assert "landlock" not in refused.stderr
    granted = lab3_at("", "grade", ROOT / "assignment", "--walls", "landlock", cwd=shared)
    assert "walls: namespaces, Landlock" in " ".join(granted.stdout.split())
    assert lab3_at("", *demand[:2], "--walls", "limits", cwd=shared).returncode == 1


@pytest.mark.long
@needs_both
@pytest.mark.parametrize(
    "machine",
    [pytest.param("no-namespaces", marks=pytest.mark.slow), "no-namespaces,ordinary-user"],
)
def test_a_submission_is_graded_behind_landlock(machine: str, shared: Path) -> None:
    done = lab3_at(machine, "grade", ROOT / "solution", "--out", shared / "g", cwd=shared)
    assert "walls: Landlock" in done.stdout
    assert "canary: the reference got 74 of 74 points" in done.stdout
    grade = json.loads((shared / "g" / "grade.json").read_text())
    assert grade["tier"] == "landlock"
    code = [r for r in grade["results"] if not r["check"].startswith(("runs", "accuracy"))]
    assert {r["outcome"] for r in code} == {"passed"}


@needs_both
def test_students_check_themselves_without_walls_and_are_told(shared: Path) -> None:
    command = ("check", "--code", ROOT / "solution", "-k", "lower_clamp")
    done = lab3_at("no-namespaces,no-landlock", *command, cwd=shared)
    assert done.returncode == 0, done.stderr
    assert "your code runs without walls" in done.stderr
    assert "all checks passed" in done.stdout


LINUX = System(is_linux=True, is_root=False, is_container=False)


@pytest.mark.parametrize(
    ("tier", "fault", "changes", "told"),
    [
        ("namespaces", "bubblewrap is missing", {}, "apt install bubblewrap"),
        ("namespaces", "/x/bwrap is not the program that was reviewed", {}, "the system's"),
        ("namespaces", "bwrap: denied", {"apparmor_restricts": True}, "bwrap-userns-restrict"),
        ("namespaces", "bwrap: denied", {"debian_forbids": True}, "unprivileged_userns_clone=1"),
        ("namespaces", "bwrap: denied", {"none_allowed": True}, "max_user_namespaces"),
        ("namespaces", "bwrap: denied", {"is_container": True}, "seccomp=unconfined"),
        ("namespaces", "bwrap: x", {"is_container": True, "is_root": True}, "--cap-add SYS_ADMIN"),
        ("namespaces", "bwrap: denied", {}, "filter or policy"),
        ("namespaces", "bwrap: denied", {"is_linux": False}, "grade on Linux"),
        ("landlock", "Function not implemented", {}, "Linux 5.13"),
        ("landlock", "Operation not supported", {}, "lsm="),
        ("landlock", "Operation not permitted", {}, "filter or policy"),
        (
            "landlock",
            "becoming another user is impossible: x",
            {"is_root": True},
            "--cap-add SETUID",
        ),
        ("landlock", "a promise does not hold: files", {}, "tell the kit's authors"),
    ],
)
def test_each_fault_has_its_remedy(
    tier: str, fault: str, changes: dict[str, bool], told: str
) -> None:
    system = System(**{**vars(LINUX), **changes})
    assert told in remedy(tier, fault, system)


def test_this_system_is_looked_at() -> None:
    assert remedies.this_system().is_linux == (sys.platform == "linux")
    assert remedies.setting("kernel/no_such_setting") is None
