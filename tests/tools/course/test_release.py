"""Deriving the skeleton from the solution, refused when a marker is at fault."""

import re
import shutil
from pathlib import Path

import pytest

from autograder.rubric import RUBRIC
from lab3 import STUDENT_FILES
from tests.conftest import ROOT, Command
from tests.making.skeletons import (
    FAULTS,
    GOOD,
    MISSPELT,
    NOT_A_STATEMENT,
    STUBS,
    copy_of_the_kit,
    source_and_faults,
)
from tools.course.handout import BEGIN, END
from tools.course.release import MarkerError, derive_skeleton
from tools.shared.console import UserError


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def listed_places(error: MarkerError) -> list[tuple[str, int]]:
    """Return the file and line of each fault that an error lists."""
    matches = re.findall(r"^(.+?\.\w+):(\d+): \S", str(error), re.MULTILINE)
    return [(path, int(line)) for path, line in matches]


def refused(root: Path) -> MarkerError:
    """Derive the skeleton, which must be refused without a change to any file."""
    before = contents(root)
    with pytest.raises(MarkerError, match="nothing was written") as caught:
        derive_skeleton(root)
    assert contents(root) == before
    return caught.value


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the kit's solution and assignment."""
    return copy_of_the_kit(tmp_path / "checkout")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A checkout whose two student files are a few lines long and not derived yet."""
    root = tmp_path / "small"
    for part, text in (("solution", GOOD), ("assignment", "not derived yet\n")):
        (root / part / "lab3").mkdir(parents=True)
        for name in STUDENT_FILES:
            (root / part / "lab3" / name).write_text(text)
    return root


def test_deriving_the_committed_skeleton_again_changes_nothing(checkout: Path) -> None:
    before = contents(checkout)
    assert derive_skeleton(checkout) == []
    assert contents(checkout) == before


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_committed_skeleton_is_what_the_solution_gives(checkout: Path, line_end: str) -> None:
    for name in STUDENT_FILES:
        path = checkout / "solution" / "lab3" / name
        path.write_text(path.read_text(), newline=line_end)
    skeleton = [checkout / "assignment" / "lab3" / name for name in STUDENT_FILES]
    skeleton[0].unlink()
    skeleton[1].write_bytes(b"damaged\r\n")
    assert derive_skeleton(checkout) == skeleton
    assert contents(checkout / "assignment" / "lab3") == {
        checkout / path.relative_to(ROOT): path.read_bytes()
        for path in (ROOT / "assignment" / "lab3").rglob("*.py")
    }


def test_a_region_becomes_a_stub_that_names_its_function_and_part(small: Path) -> None:
    derive_skeleton(small)
    for name in STUDENT_FILES:
        assert (small / "assignment" / "lab3" / name).read_text() == STUBS


def test_only_files_that_change_are_written(small: Path) -> None:
    first, second = (small / "assignment" / "lab3" / name for name in STUDENT_FILES)
    first.write_text(STUBS)
    assert derive_skeleton(small) == [second]
    assert derive_skeleton(small) == []


@pytest.mark.parametrize("name", STUDENT_FILES)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_marker_at_fault_is_listed_and_nothing_is_written(
    small: Path, fault: str, name: str
) -> None:
    text, lines = source_and_faults(FAULTS[fault])
    path = small / "solution" / "lab3" / name
    path.write_text(text)
    # The end of the file is where a missing END shows, so order is not part of the promise.
    assert sorted(listed_places(refused(small))) == [(str(path), line) for line in lines]


@pytest.mark.parametrize("misspelling", MISSPELT)
def test_a_misspelt_marker_is_listed_beside_good_ones(small: Path, misspelling: str) -> None:
    begin, end = MISSPELT[misspelling]
    lines = ["", "", "def triple(number):", f"    {begin}", "    return 3 * number"]
    if end:
        lines.append(f"    {end}")
    path = small / "solution" / "lab3" / STUDENT_FILES[1]
    path.write_text(GOOD + "\n".join(lines) + "\n")
    first = len(GOOD.splitlines()) + 4
    expected = [(str(path), first), (str(path), first + 2)][: 2 if end else 1]
    assert listed_places(refused(small)) == expected


@pytest.mark.parametrize("place", NOT_A_STATEMENT)
def test_a_region_that_a_stub_can_not_replace_is_listed(small: Path, place: str) -> None:
    text, lines = source_and_faults(NOT_A_STATEMENT[place])
    path = small / "solution" / "lab3" / STUDENT_FILES[0]
    path.write_text(text)
    assert listed_places(refused(small)) == [(str(path), line) for line in lines]


def test_a_docstring_may_speak_of_markers(small: Path) -> None:
    words = '"""Return twice the number; BEGIN SOLUTION and END SOLUTION stand around it."""'
    text = GOOD.replace('"""Return twice the number."""', words)
    (small / "solution" / "lab3" / STUDENT_FILES[0]).write_text(text)
    derive_skeleton(small)
    derived = (small / "assignment" / "lab3" / STUDENT_FILES[0]).read_text()
    assert derived == STUBS.replace('"""Return twice the number."""', words)


def test_faults_of_both_files_are_listed_together(small: Path) -> None:
    expected = []
    for name, fault in zip(STUDENT_FILES, ("orphan END", "missing END"), strict=True):
        text, lines = source_and_faults(FAULTS[fault])
        path = small / "solution" / "lab3" / name
        path.write_text(text)
        expected += [(str(path), line) for line in lines]
    assert listed_places(refused(small)) == expected


@pytest.mark.parametrize("name", STUDENT_FILES)
def test_the_solution_is_refused_when_any_one_marker_is_taken_away(
    checkout: Path, name: str
) -> None:
    path = checkout / "solution" / "lab3" / name
    lines = path.read_text().splitlines(keepends=True)
    markers = [index for index, line in enumerate(lines) if line.strip().startswith("###")]
    assert len(markers) == {"resnet.py": 10, "observer.py": 2}[name]
    for index in markers:
        path.write_text("".join(lines[:index] + lines[index + 1 :]))
        places = listed_places(refused(checkout))
        assert places
        assert all(place == str(path) for place, _ in places)


@pytest.mark.parametrize("target", ["README.md", "lab3/training.py", "notes/part1/hints.txt"])
def test_a_line_of_the_solution_in_the_assignment_is_refused(checkout: Path, target: str) -> None:
    answer = "out = self.relu2(self.bn2(self.conv2(out)))"
    assert answer in (checkout / "solution" / "lab3" / "resnet.py").read_text()
    (checkout / "assignment" / "lab3" / "resnet.py").write_bytes(b"not derived yet\n")
    path = checkout / "assignment" / target
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text() if path.exists() else "Hints\n"
    path.write_text(f"{text}# {answer}\n")
    error = refused(checkout)
    assert listed_places(error) == [(str(path), len(text.splitlines()) + 1)]
    assert answer in str(error)


def test_a_line_of_the_solution_left_outside_its_markers_is_refused(small: Path) -> None:
    path = small / "solution" / "lab3" / STUDENT_FILES[0]
    path.write_text(GOOD + "\n\ndef again(number):\n    return number + number\n")
    derived = small / "assignment" / "lab3" / STUDENT_FILES[0]
    assert listed_places(refused(small)) == [(str(derived), len(STUBS.splitlines()) + 4)]


def test_the_command_lists_the_faults_of_both_files(lab3: Command, small: Path) -> None:
    for name, fault in zip(STUDENT_FILES, ("nested BEGIN", "syntax error"), strict=True):
        text, _ = source_and_faults(FAULTS[fault])
        (small / "solution" / "lab3" / name).write_text(text)
    before = contents(small)
    done = lab3("release", "--skeleton", cwd=small, fails=1)
    for name in STUDENT_FILES:
        assert f"\nsolution/lab3/{name}:3: " in done.stderr
    assert contents(small) == before


def test_the_command_writes_every_line_number_in_digits(lab3: Command, small: Path) -> None:
    text, _ = source_and_faults(FAULTS["orphan END"])
    (small / "solution" / "lab3" / STUDENT_FILES[0]).write_text("\n" * 97 + text)
    done = lab3("release", "--skeleton", cwd=small, fails=1)
    assert f"solution/lab3/{STUDENT_FILES[0]}:100: END" in done.stderr


def test_the_command_says_that_a_source_is_not_utf8(lab3: Command, small: Path) -> None:
    path = small / "solution" / "lab3" / STUDENT_FILES[0]
    path.write_bytes("# café\n".encode("latin-1") + GOOD.encode())
    done = lab3("release", "--skeleton", cwd=small, fails=1)
    assert f"solution/lab3/{STUDENT_FILES[0]}" in done.stderr


def test_the_command_names_the_files_that_it_wrote(lab3: Command, small: Path) -> None:
    (small / "autograder").mkdir()
    shutil.copy(RUBRIC, small / "autograder")
    (small / "assignment" / "README.md").write_text(f"# Lab\n\n{BEGIN}\n{END}\n\nRules\n")
    done = lab3("release", "--skeleton", cwd=small)
    written = [f"wrote assignment/lab3/{name}" for name in STUDENT_FILES]
    assert done.stderr.splitlines() == [*written, "wrote assignment/README.md"]
    assert lab3("release", "--skeleton", cwd=small).stderr == ""


def test_the_command_wants_a_checkout(lab3: Command, tmp_path: Path) -> None:
    done = lab3("release", "--skeleton", cwd=tmp_path, fails=1)
    assert "run this in a checkout of the kit" in done.stderr
    with pytest.raises(UserError, match="checkout"):
        derive_skeleton(tmp_path)
