"""What students receive: derived from the solution, refused when a marker is at fault."""

import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autograder.judging import all_checks
from autograder.rubric import RUBRIC, load
from lab3 import STUDENT_FILES
from tests.conftest import ROOT, SOLUTION, Command
from tools.course.handout import BEGIN, END, with_points
from tools.course.release import MarkerError, derive_skeleton
from tools.shared.console import UserError

GOOD = """\
def double(number):
    \"\"\"Return twice the number.\"\"\"
    ### BEGIN SOLUTION part 1
    return number + number
    ### END SOLUTION


def half(number):
    if number:
        ### BEGIN SOLUTION part 2
        return number / 2
        ### END SOLUTION
    return 0
"""
STUBS = """\
def double(number):
    \"\"\"Return twice the number.\"\"\"
    raise NotImplementedError("double: part 1 of the handout")


def half(number):
    if number:
        raise NotImplementedError("half: part 2 of the handout")
    return 0
"""

# The first column marks the lines at fault; the source begins in the third.
FAULTS = {
    "nested BEGIN": """\
  def double(number):
      ### BEGIN SOLUTION part 1
>     ### BEGIN SOLUTION part 1
      return number + number
      ### END SOLUTION
""",
    "orphan END": """\
  def double(number):
      return number + number
>     ### END SOLUTION
""",
    "second END": """\
  def double(number):
      ### BEGIN SOLUTION part 1
      return number + number
      ### END SOLUTION
>     ### END SOLUTION
""",
    "missing END": """\
  def double(number):
>     ### BEGIN SOLUTION part 1
      return number + number
""",
    "at module level": """\
  def double(number):
      return number + number


> ### BEGIN SOLUTION part 1
  FACTOR = 2
  ### END SOLUTION
""",
    "around a function": """\
> ### BEGIN SOLUTION part 1
  def double(number):
      return number + number
  ### END SOLUTION
""",
    "in a class body": """\
  class Doubler:
>     ### BEGIN SOLUTION part 1
      factor = 2
      ### END SOLUTION

      def __call__(self, number):
          return self.factor * number
""",
    "in a class body inside a function": """\
  def doubler():
      class Doubler:
>         ### BEGIN SOLUTION part 1
          factor = 2
          ### END SOLUTION

      return Doubler
""",
    "spanning two functions": """\
  def double(number):
>     ### BEGIN SOLUTION part 1
      return number + number


  def half(number):
      return number / 2
      ### END SOLUTION
""",
    "spanning two methods": """\
  class Numbers:
      def double(self, number):
>         ### BEGIN SOLUTION part 1
          return number + number

      def half(self, number):
          return number / 2
          ### END SOLUTION
""",
    "nothing inside": """\
  def double(number):
>     ### BEGIN SOLUTION part 1
      ### END SOLUTION
      return number + number
""",
    "no region": """\
> def double(number):
      return number + number
""",
    "empty file": """\
>
""",
    "syntax error": """\
  def double(number):
      ### BEGIN SOLUTION part 1
>     return = number
      ### END SOLUTION
""",
    "five in one file": """\
  def double(number):
>     ### END SOLUTION
      ### BEGIN SOLUTION part 1
>     ### BEGIN SOLUTION part 2
      return number + number
      ### END SOLUTION


> ### BEGIN SOLUTION part 1
  FACTOR = 2
  ### END SOLUTION
> ### begin solution part 1
> ### BEGIN SOLUTION part 1
""",
}
MISSPELT = {
    "lower case": ("### begin solution part 1", "### end solution"),
    "no part": ("### BEGIN SOLUTION", None),
    "a part in words": ("### BEGIN SOLUTION part one", None),
    "two hashes": ("## BEGIN SOLUTION part 1", "## END SOLUTION"),
    "no space": ("###BEGIN SOLUTION part 1", "###END SOLUTION"),
    "two spaces": ("### BEGIN  SOLUTION part 1", "### END  SOLUTION"),
    "a space at the end": ("### BEGIN SOLUTION part 1 ", "### END SOLUTION "),
    "words behind it": ("### BEGIN SOLUTION part 1: doubling", "### END SOLUTION of double"),
    "behind code": ("pass  ### BEGIN SOLUTION part 1", "pass  ### END SOLUTION"),
    "plural": ("### BEGIN SOLUTIONS part 1", "### END SOLUTIONS"),
    "words swapped": ("### SOLUTION BEGIN part 1", "### SOLUTION END"),
}
NOT_A_STATEMENT = {
    "parameters": """\
  def double(
>     ### BEGIN SOLUTION part 1
      number,
      ### END SOLUTION
  ):
      return number + number
""",
    "a list": """\
  def double(number):
      return sum([
>         ### BEGIN SOLUTION part 1
          number, number,
          ### END SOLUTION
      ])
""",
    "a docstring": """\
  def double(number):
      \"\"\"Return twice the number.

>     ### BEGIN SOLUTION part 1
      That is the number added to itself.
      ### END SOLUTION
      \"\"\"
      return number + number
""",
    "markers indented less than their code": """\
  def double(number):
> ### BEGIN SOLUTION part 1
      return number + number
  ### END SOLUTION
""",
}


def source_and_faults(marked: str) -> tuple[str, list[int]]:
    """Return a source without its two marking columns, and the numbers of the marked lines."""
    lines = marked.splitlines()
    faults = [number for number, line in enumerate(lines, 1) if line.startswith(">")]
    return "".join(line[2:] + "\n" for line in lines), faults


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


def copy_of_the_kit(root: Path) -> Path:
    left_out = shutil.ignore_patterns("__pycache__", "runs", "data")
    for part in ("solution", "assignment"):
        shutil.copytree(ROOT / part, root / part, ignore=left_out)
    return root


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


def test_the_handouts_points_are_those_of_the_rubric() -> None:
    path = ROOT / "assignment" / "README.md"
    known = list(all_checks())
    text = with_points(path, load(RUBRIC, known))
    assert text == path.read_text(), "derive them anew: lab3 release --skeleton"
    table = text[text.index(BEGIN) : text.index(END)]
    assert len([line for line in table.splitlines() if line.startswith("| part")]) == len(known)
    (total,) = [line for line in text.splitlines() if line.startswith("| sum")]
    assert sum(int(cell) for cell in re.findall(r"\d+", total)) == 100


def test_a_handout_without_a_place_for_points_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Lab\n")
    with pytest.raises(UserError, match=r"derived from rubric\.toml"):
        with_points(tmp_path / "README.md", load(RUBRIC, list(all_checks())))


def test_the_command_wants_a_checkout(lab3: Command, tmp_path: Path) -> None:
    done = lab3("release", "--skeleton", cwd=tmp_path, fails=1)
    assert "run this in a checkout of the kit" in done.stderr
    with pytest.raises(UserError, match="checkout"):
        derive_skeleton(tmp_path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The built wheel: what each of its files holds."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_stubs_and_no_solution(wheel: dict[str, bytes]) -> None:
    assert [name for name in wheel if "solution" in name.lower()] == []
    for name, stubs in (("resnet.py", 5), ("observer.py", 1)):
        assert wheel[f"lab3/{name}"] == (ROOT / "assignment" / "lab3" / name).read_bytes()
        assert wheel[f"lab3/{name}"].count(b"raise NotImplementedError(") == stubs


def test_no_line_of_the_solution_reaches_students(wheel: dict[str, bytes]) -> None:
    regions = [
        region
        for name in STUDENT_FILES
        for region in re.findall(
            r"### BEGIN SOLUTION part \d\n(.*?)### END SOLUTION",
            (SOLUTION / "lab3" / name).read_text(),
            re.DOTALL,
        )
    ]
    assert len(regions) == 6
    # "else:" and the like give nothing away.
    lines = {line.strip() for region in regions for line in region.splitlines()}
    telltale = [line.encode() for line in lines if len(line) >= 9]
    received = {f"wheel: {name}": content for name, content in wheel.items()} | {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in (ROOT / "assignment").rglob("*")
        if path.is_file() and not {"runs", "data"} & set(path.relative_to(ROOT).parts)
    }
    assert {"wheel: lab3/resnet.py", "assignment/lab3/resnet.py"} <= set(received)
    leaks = [
        (name, line) for name, content in received.items() for line in telltale if line in content
    ]
    assert leaks == []


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModuleType]:
    """The two student files of a freshly derived skeleton, imported."""
    root = copy_of_the_kit(tmp_path_factory.mktemp("derived") / "checkout")
    for name in STUDENT_FILES:
        (root / "assignment" / "lab3" / name).unlink()
    modules = {}
    for path in derive_skeleton(root):
        spec = importlib.util.spec_from_file_location(f"derived_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(modules[path.stem])
    return modules


def block(modules: dict[str, ModuleType]) -> Any:
    return modules["resnet"].QuantizableBottleneck(4, 1)


def network(modules: dict[str, ModuleType]) -> Any:
    return modules["resnet"].QuantizableResNet((1, 1, 1, 1), width=2)


def observer(modules: dict[str, ModuleType]) -> Any:
    return modules["observer"].CusQuantObserver()


@pytest.mark.parametrize(
    ("make", "method", "arguments", "stub", "part"),
    [
        (block, "forward", (None,), "QuantizableBottleneck.forward", 1),
        (block, "add_relu", (None, None), "QuantizableBottleneck.add_relu", 1),
        (block, "fuse_model", (), "QuantizableBottleneck.fuse_model", 2),
        (network, "forward", (None,), "QuantizableResNet.forward", 1),
        (network, "fuse_model", (), "QuantizableResNet.fuse_model", 2),
        (observer, "scale_approximate", (0.3,), "CusQuantObserver.scale_approximate", 3),
    ],
)
def test_every_stub_says_which_part_is_not_implemented(
    derived: dict[str, ModuleType],
    make: Callable[[dict[str, ModuleType]], Any],
    method: str,
    arguments: tuple[object, ...],
    stub: str,
    part: int,
) -> None:
    with pytest.raises(NotImplementedError) as caught:
        getattr(make(derived), method)(*arguments)
    assert str(caught.value) == f"{stub}: part {part} of the handout"
