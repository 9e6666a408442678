"""``lab3 grade`` reads data and writes grades where no submission decides about them."""

import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from autograder.exports.files import TakenError, write_files
from autograder.results import Grade
from tests.conftest import SOLVED, Command
from tests.making.datasets import write_cifar10
from tests.making.grades import grade


def handed_in(folder: Path, files: dict[str, bytes] = SOLVED) -> Path:
    (folder / "lab3").mkdir(parents=True)
    for name, content in files.items():
        (folder / "lab3" / name).write_bytes(content)
    return folder


def zipped(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in SOLVED.items():
            archive.writestr(f"lab3/{name}", content)
    return path


def files_below(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()}


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_data_that_a_submission_brings_is_not_read(lab3: Command, tmp_path: Path) -> None:
    ada = handed_in(tmp_path / "ada")
    write_cifar10(ada / "data")
    for file in (ada / "data" / "cifar-10-batches-py").iterdir():
        file.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    before = files_below(tmp_path)
    for arguments in (
        (".", "--out", tmp_path / "grades"),
        (".", "--data-dir", ada / "data"),
        (".", "--data-dir", tmp_path, "--rubric", "lab3/rubric.toml"),
    ):
        said = lab3("grade", *arguments, cwd=ada, fails=1).stderr
        assert "submission" in said
        assert "name an absolute one with --" in said
    assert files_below(tmp_path) == before


def test_a_link_that_a_submission_brings_redirects_no_grade(lab3: Command, tmp_path: Path) -> None:
    ada, mine = handed_in(tmp_path / "ada"), tmp_path / "mine"
    mine.mkdir()
    (ada / "grades").symlink_to(mine)
    said = lab3("grade", ".", "--data-dir", tmp_path, cwd=ada, fails=1).stderr
    assert "grades/ada counts from the current folder" in said
    assert "--out" in said
    lab3("grade", ".", "--data-dir", tmp_path, "--out", ada / "grades" / "ada", cwd=ada, fails=1)
    assert list(mine.iterdir()) == []


@pytest.mark.long
def test_a_course_that_a_submission_brings_is_none(
    lab3: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its settings could name another rubric, and test images."""
    ada = tmp_path / "class" / "ada"
    (ada / "work").mkdir(parents=True)
    (ada / "course.toml").write_text("rubric = 'mine.toml'")
    (ada / "mine.toml").write_text("total = 100")
    (ada / "work" / "notes.txt").write_text("nothing")
    monkeypatch.chdir(tmp_path)
    for path in (ada, ada / "work"):
        said = lab3("grade", path).stderr
        assert f"{ada}/course.toml is not used: the course is the one in which you stand" in said
        assert "mine.toml" not in said


def test_absolute_folders_serve_wherever_one_stands(lab3: Command, tmp_path: Path) -> None:
    ada = handed_in(tmp_path / "ada")
    before = files_below(ada)
    lab3("grade", ".", "--data-dir", tmp_path, "--out", tmp_path / "out", cwd=ada)
    assert files_below(ada) == before
    grade = Grade.model_validate_json((tmp_path / "out" / "grade.json").read_bytes())
    assert (grade.submission, grade.source) == ("ada", str(ada))


@pytest.mark.slow
def test_no_name_leads_out_of_grades_or_to_anothers(lab3: Command, tmp_path: Path) -> None:
    lab3("grade", zipped(tmp_path / "bob" / "ada.zip"))
    written = {path: path.read_bytes() for path in (tmp_path / "grades").rglob("*.*")}
    assert {path.parent for path in written} == {tmp_path / "grades" / "ada"}

    with tarfile.open(tmp_path / "ada.tar.gz", "w:gz") as archive:
        archive.add(handed_in(tmp_path / "there"), ".")
    done = lab3("grade", "ada.tar.gz", fails=2)
    assert f"grades/ada holds the grade of {tmp_path}/bob/ada.zip" in done.stderr
    assert f"not of {tmp_path}/ada.tar.gz: name another folder with --out" in done.stderr
    assert done.stdout == ""

    before = files_below(tmp_path)
    for name in ("ada\u200b.zip", "...zip"):
        lab3("grade", zipped(tmp_path / "odd" / name))
    assert {path: path.read_bytes() for path in written} == written
    new = {path.parts[:2] for path in files_below(tmp_path) - before if path.parts[0] != "odd"}
    assert len(new) == 2
    assert all(first == "grades" and "-" in name for first, name in new)
    lab3("grade", tmp_path / "bob" / "ada.zip")  # one's own is graded again


def test_nothing_is_overwritten_that_is_anothers(tmp_path: Path) -> None:
    folder = tmp_path / "grades"
    write_files(folder, grade(source="/a/ada.zip", seed="1"), "everything")
    write_files(folder, grade(source="/a/ada.zip", seed="2"), "everything")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(TakenError, match=r"holds the grade of /a/ada.zip, not of /b/ada.zip"):
        write_files(folder, grade(source="/b/ada.zip"), "everything")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert json.loads(before[folder / "grade.json"])["seed"] == "2"


def test_what_is_no_grade_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "grade.json").write_text("mine")
    with pytest.raises(TakenError, match="no grade that can be read: name another folder"):
        write_files(tmp_path, grade(), "everything")
    assert files_below(tmp_path) == {Path("grade.json")}


def test_a_link_beside_a_file_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out").mkdir()
    for name in ("grade.json", "feedback.html"):
        (tmp_path / "out" / f".{name}.part").symlink_to(tmp_path / "mine")
    write_files(tmp_path / "out", grade(), "everything")
    assert (tmp_path / "mine").read_text() == "mine"
