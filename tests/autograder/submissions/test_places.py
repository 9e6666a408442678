"""Where grading finds data and where grades go: a submission has no part in it."""

from pathlib import Path

import pytest

from autograder.options import Options
from autograder.submissions.places import PlaceError, grade_name, settled
from tests.making.submissions import BOTH, PLAIN, as_folder, as_zip


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder in which one stands, with a submission and a folder for data."""
    as_folder(PLAIN, tmp_path / "submissions" / "ada")
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


ADA = Path("submissions/ada")


def refusal(path: Path, submission: Path = ADA) -> str:
    with pytest.raises(PlaceError) as caught:
        settled(path, submission, "--data-dir")
    assert "stand in another folder, or name an absolute one with --data-dir" in str(caught.value)
    return str(caught.value)


def test_a_path_is_made_absolute_and_its_links_are_followed(course: Path) -> None:
    assert settled(Path("data"), ADA, "--data-dir") == course / "data"
    assert settled(Path("data/../grades/ada"), ADA, "--out") == course / "grades" / "ada"
    (course / "disk").mkdir()
    (course / "grades").symlink_to("disk")
    (course / "again").symlink_to(course / "grades" / "..")
    assert settled(Path("grades/ada"), ADA, "--out") == course / "disk" / "ada"
    assert settled(Path("again/data"), ADA, "--out") == course / "data"


@pytest.mark.parametrize("path", ["data", "grades/ada", "."])
@pytest.mark.parametrize("name", [".", "../ada", "../bob"])
def test_where_one_stands_in_a_submission_nothing_counts_from_there(
    path: str, name: str, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_folder(PLAIN, course / "submissions" / "bob")
    monkeypatch.chdir(course / ADA)
    assert "ada is a submission" in refusal(Path(path), Path(name))
    monkeypatch.chdir(course / ADA / "runs")
    assert "ada is a submission" in refusal(Path(path), course / "submissions" / "bob")
    assert settled(course / "data", Path(name), "--data-dir") == course / "data"


def test_two_files_alone_make_a_submission(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(as_folder({"observer.py": b""}, course / "bob"))
    assert "bob is a submission" in refusal(Path("data"), course / ADA)


def test_what_lies_in_the_submission_is_refused_however_it_is_named(course: Path) -> None:
    as_folder({"cifar-10-batches-py/batches.meta": b""}, course / ADA / "data")
    (course / "mine").symlink_to(ADA / "data")
    roundabout = ("data/../submissions/ada/data", "mine", "mine/../../elsewhere")
    for path in (ADA, ADA / "data", course / ADA / "data", *map(Path, roundabout)):
        assert "leads into or through the submission submissions/ada" in refusal(path)


def test_no_link_that_lies_in_the_submission_is_followed(course: Path) -> None:
    (course / ADA / "grades").symlink_to(course / "data")
    (course / "chain").symlink_to(ADA / "grades")
    for path in (course / ADA / "grades" / "x", course / "chain", Path("chain/x/y")):
        assert "leads into or through the submission" in refusal(path)


def test_a_submission_without_code_is_one_where_it_is_graded(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(as_folder({"report.md": b"# Report\n"}, course / "eve"))
    assert "leads into or through the submission ." in refusal(Path("data"), Path())


def test_an_archive_leaves_the_folder_beside_it_alone(course: Path) -> None:
    archive = as_zip(PLAIN, course / "submissions" / "bob.zip")
    assert settled(Path("submissions/data"), archive, "--data-dir") == course / "submissions/data"


def test_links_without_end_are_refused(course: Path) -> None:
    (course / "a").symlink_to("b")
    (course / "b").symlink_to("a")
    with pytest.raises(PlaceError, match="more than 40 links"):
        settled(Path("a/x"), ADA, "--out")


def test_the_folder_of_data_stays_where_it_was_named(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(data_dir=Path("data"))
    monkeypatch.chdir(course / ADA)
    assert options.data_dir == course / "data"
    assert Options().data_dir.is_absolute()


@pytest.mark.parametrize(
    "name", ["ada", "ada-2", "王小明", "Zoë O", "b11902001_hw3", "a.b", "ada (2)", "x"]
)
def test_a_plain_name_is_the_folders(name: str, tmp_path: Path) -> None:
    assert grade_name(as_folder(BOTH, tmp_path / name)) == name
    for suffix in (".zip", ".tar", ".tar.gz", ".TGZ"):
        assert grade_name(tmp_path / f"{name}{suffix}") == name


ODD = [
    *("ada\u200b", "ada\u202e", "\uff41da", "ada ", "ada.", ".ada", "..", "...", ".", ""),
    *("ad\u0430\u0301", "e\u0301", "\u2024\u2024", "a\u2215b", "a\nb", "\x1b[2J"),
    *("ada\u1160", "ada\u115f", "ada\u3164", "ada\u034f", "ada\u2800", "ada\U000e0100"),
    *("-rf", "x" * 81, "\udcff", "~", "a:b", "a\\b"),
]


def test_odd_names_are_told_apart_and_lead_nowhere(tmp_path: Path) -> None:
    names = [grade_name(tmp_path / f"{odd}.zip") for odd in ODD]
    assert len(set(names)) == len(ODD)
    for name in names:
        assert name.isascii()
        assert name.isprintable()
        assert name[0].isalnum()
        assert len(name) < 80
        assert (tmp_path / "grades" / name).resolve().parent == tmp_path / "grades"
        assert name != "ada"


def test_a_folder_named_by_dots_has_its_own_name(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(course / ADA / "runs")
    assert grade_name(Path("..")) == "ada"
    monkeypatch.chdir(course / ADA)
    assert grade_name(Path()) == "ada"
