"""Each attack is graded, and then an honest submission on the same warm process.

Each is made at every place: in a container, and with Landlock where namespaces are refused, as root
and as an ordinary user; in the quick part of the suite, at one of them.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import psutil
import pytest

from autograder import catalog
from autograder.results import Grade
from tests.conftest import ROOT, SOLVED
from tests.hostile.attacks import ATTACKS
from tests.hostile.attacks.claims import CLAIMS
from tests.hostile.attacks.forgeries import FORGERIES, KNOWING, REFUSED
from tests.hostile.attacks.making import Attack, both
from tests.hostile.attacks.reaches import SNOOPS
from tests.hostile.conftest import SECRET, at, is_quick, why_not
from tests.hostile.harms import HURRIED, harms_of, processes
from tests.making.alarms import no_longer_than
from tests.making.graders import PLACES, Grader, grader_at
from tests.making.open_graders import OpenGrader


def all_text(grade: Grade) -> str:
    return grade.model_dump_json()


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A folder that nobody may change, with a secret that nobody may read."""
    folder = tmp_path / "canary"
    (folder / "inner").mkdir(parents=True)
    (folder / "secret.toml").write_text(SECRET)
    (folder / "inner" / "empty").touch()
    folder.chmod(0o777)
    return folder


FORGERS = {attack.name for attack in (*CLAIMS, *FORGERIES)}
QUICK_FORGERS = {attack.name for attack in (*CLAIMS, *FORGERIES)[::4]}  # a fourth of each kind
FRAMES = {f"frame: {what}" for what in ("forged answers", "wrong id")}
ENDLESS_ONES = {"loop in fuse_model"}
OTHER_PLACES = tuple(f" in {name}" for name in ("calculate_qparams", "block", "network"))
LONG = {
    "results of a million digits", "memory bomb of mappings", "memory bomb of shared mappings",
    "output into the channel", "channel into the output", "channel half closed", "binary output",
    "flood of stderr", "output printed, then gone", "open file bomb", "pipe bomb", "recursion",
    "many classes", "objects that never go", "exit 1 at import", "SIGSEGV at import",
    "abort at import", "exit 1 in scale_approximate", "sys.exit in scale_approximate",
    "abort in scale_approximate", "exit 1 in fuse_model", "SIGSEGV in fuse_model",
    "message of another type", "group of exceptions", "chain of exceptions", "name that raises",
    "results that are strings", "SIGSEGV in scale_approximate", "abort in fuse_model",
    "all descriptors closed", "exit 0 in scale_approximate", "snoop in modules", "execv",
}  # fmt: skip


ALL = [*ATTACKS, *FORGERIES, *KNOWING, *REFUSED]


def mostly(*quick: str) -> pytest.MarkDecorator:
    """Ask at every place, and in the quick part of the suite at these."""
    marked = [at(place, place in quick) for place in PLACES]
    return pytest.mark.parametrize("grader", marked, indirect=True)


def at_its_pace(attack: Attack) -> bool:
    """Tell whether an attack is one of the quick ones: one of each kind."""
    return not (
        attack.name in LONG
        or (attack.name.startswith("report: ") and attack.name not in QUICK_FORGERS)
        or (attack.name.startswith("frame: ") and attack.name not in FRAMES)
        or (attack.is_endless and attack.name not in ENDLESS_ONES)
        or (not attack.is_endless and attack.name.endswith(OTHER_PLACES))
    )


def place_of(attack: Attack) -> str:
    """Return the one place of the quick suite, by name, so that other attacks don't move it."""
    quick = list(filter(is_quick, PLACES))
    return quick[crc32(attack.name.encode()) % len(quick)]


def everywhere(attacks: list[Attack]) -> list[Any]:
    """Return each attack with each place; what is not quick, or not its place, is marked slow."""
    found = []
    for attack in attacks:
        for place in PLACES:
            is_asked = place == place_of(attack) and at_its_pace(attack)
            marks = [] if is_asked else [pytest.mark.slow]
            found.append(pytest.param(attack, place, id=f"{attack.name}-{place}", marks=marks))
    return found


@pytest.mark.parametrize(("attack", "grader"), everywhere(ALL), indirect=["grader"])
def test_an_attack_earns_nothing_and_harms_nothing(
    attack: Attack, grader: Grader, canary: Path
) -> None:
    with no_longer_than(120):
        harms, grade = harms_of(attack, grader, canary, SECRET)
    assert not harms
    if attack.name in FORGERS:  # the answer was taken for one, and judged
        assert grade
        assert "FORGED" in "".join(result.output for result in grade.results)
        assert not [r.said for r in grade.results if "malformed" in r.said]


@mostly("Landlock, ordinary user")
@pytest.mark.parametrize("attack", SNOOPS, ids=lambda attack: attack.name)
def test_a_snoop_finds_nothing(attack: Attack, grader: Grader, canary: Path) -> None:
    with no_longer_than(120):
        grade = grader.grade(attack.files, catalog.CODE_GROUPS)
        output = "".join(r.output for r in grade.results)
        assert "FOUND" not in output
        assert str(ROOT) not in all_text(grade)
        assert str(canary.parent) not in all_text(grade)


def connecting(port: int, path: Path) -> Attack:
    """An attack that tries to connect to a port and a path of this computer."""
    return both("connect", f"""
        import os, socket
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", {port})), (socket.AF_INET6, ("::1", {port})),
            (socket.AF_UNIX, {str(path)!r}),
        ):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                try:
                    socket.socket(family, kind).connect(address)
                    print("CONNECTED", address)
                except OSError as error:
                    print(error)
        try:
            socket.socket(fileno=os.dup(3)).connect({str(path)!r})
            print("CONNECTED the channel")
        except OSError as error:
            print(error)
        """)  # fmt: skip


@contextmanager
def listening(path: Path) -> Iterator[tuple[Attack, Callable[[], list[str]]]]:
    """Listen at a port and a path; yield an attack on both, and what tells who was reached."""
    with socket.create_server(("127.0.0.1", 0)) as inet, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))
        unix.listen()

        def reached() -> list[str]:
            connected = []
            for listener in (inet, unix):
                listener.settimeout(0.2)
                with suppress(TimeoutError):
                    listener.accept()[0].close()
                    connected.append(listener.family.name)
            return connected

        yield connecting(inet.getsockname()[1], path), reached


def test_no_connection_reaches_this_computer(grader: Grader, tmp_path: Path) -> None:
    with listening(tmp_path / "listener") as (attack, reached):
        with no_longer_than(120):
            grade = grader.grade(attack.files, catalog.CODE_GROUPS)
        assert not reached()
    output = "".join(r.output for r in grade.results)
    assert "CONNECTED" not in output
    assert "Operation not permitted" in output
    assert grade.earned == grade.points


def test_without_walls_connections_reach_it(open_grader: OpenGrader) -> None:
    path = open_grader.writable / "listener"
    with listening(path) as (attack, reached), no_longer_than(120):
        open_grader.grade_without(("filter", "Landlock"), attack.files, SOLVED)
        assert reached() == ["AF_INET", "AF_UNIX"]
    path.unlink()


def test_a_grade_tells_which_walls_stood(grader: Grader) -> None:
    tier, walls, uid = grader.walls()
    assert tier == ("namespaces" if grader.place.startswith("namespaces") else "landlock")
    assert ("namespaces" in walls) == (tier == "namespaces")
    assert "another user" in walls or uid != 0
    grade = grader.grade(SOLVED, ("observer",))
    assert (grade.tier, grade.walls) == (tier, walls)
    assert 0 < grade.resources.cpu_s < 100
    assert 1 << 20 < grade.resources.peak_memory_bytes < 4 << 30
    assert grade.resources.output_bytes == 0


@mostly("namespaces", "Landlock, ordinary user")
def test_a_hoard_and_a_flood_stand_in_the_grade(grader: Grader) -> None:
    honest = grader.grade(SOLVED, ("observer",)).resources
    code = "hoard = b'x' * (1 << 29)\nprint('x' * 99_999)"
    used = grader.grade(both("hoard", code).files, ("observer",)).resources
    assert used.peak_memory_bytes > honest.peak_memory_bytes + (1 << 28)
    assert used.output_bytes >= 99_999


@mostly("namespaces")
def test_two_graders_at_once_do_not_disturb_each_other(grader: Grader) -> None:
    """One worker serves one submission after the other, and others have workers of their own."""
    worse = both("die", "import os; os.kill(os.getppid(), 0)\nos._exit(0)", "skeleton").files
    with no_longer_than(60), grader_at(grader.place) as other:
        other.grade(worse, ("observer",))
        for each in (grader, other):
            grade = each.grade(SOLVED, ("observer",))
            assert grade.earned == grade.points


@mostly("Landlock, root")
def test_a_flood_between_questions_loses_no_result(grader: Grader) -> None:
    """It prints up to the limit before an answer, and beyond it after."""
    flood = both(
        "flood",
        """
        import os, time
        import autograder.inside.wire as wire
        real, wire.FLOODED = wire.write_frame, False
        def write_frame(*arguments):
            if not wire.FLOODED:
                wire.FLOODED = True
                for _ in range(256):
                    os.write(1, bytes(1 << 16))
                time.sleep(0.1)
            real(*arguments)
            time.sleep(0.001)
            os.write(1, bytes(1 << 16))
        wire.write_frame = write_frame
        """,
    )
    groups = ("observer",)
    with no_longer_than(120):
        grade = grader.grade(flood.files, groups)
        honest = grader.grade(SOLVED, groups)
    named = [(result.check, result.visibility) for result in grade.results]
    assert sorted(named) == sorted((r.check, r.visibility) for r in honest.results)
    assert grade.points == honest.points
    assert "grader_error" not in {result.outcome for result in grade.results}


ENDLESS = "import ctypes\nctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\nwhile True: pass"


def is_a_worker(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("python")
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("place", "is_warm"),
    [
        *(pytest.param(p, True, marks=at(p, p == "namespaces").marks) for p in PLACES),
        *(pytest.param(p, False, marks=at(p, p == "Landlock, root").marks) for p in PLACES),
    ],
)
def test_everything_dies_with_a_grader_that_is_killed(place: str, is_warm: bool) -> None:
    """Also a child that asked not to die with its parent, and a worker that is still importing."""
    if fault := why_not(place):
        pytest.skip(fault)
    with no_longer_than(60):
        grader = Grader(place)
        root = psutil.Process(grader.process.pid)
        if is_warm:
            grader.hold(ENDLESS)
        while not any(map(is_a_worker, family := root.children(recursive=True))):
            time.sleep(0.02)  # an attempt that is refused at once is none
        assert len(family) >= (2 if is_warm else 1)
        grader.process.kill()
        grader.process.wait()
        _, alive = psutil.wait_procs(family, timeout=10)
        grader.stop()
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@mostly("Landlock, root")
def test_nothing_is_left_behind_where_init_does_not_reap(grader: Grader) -> None:
    """Neither by gradings, nor by crashes and hangs, nor by a worker that is replaced or gone."""
    with no_longer_than(120):
        grader.walls()
        alive = len(processes(grader))
        for code in ("import os; os._exit(3)", "import os; os.abort()", "while True: pass"):
            grader.grade(both("x", code).files, ("observer",), HURRIED)
        assert len(processes(grader)) == alive
        grader.renew()
        grader.walls()
        assert len(processes(grader)) == alive
        grader.close()
        assert not processes(grader)
        grader.process.kill()  # a closed one is of no use to others
