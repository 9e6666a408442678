"""What people read of a submission: figures and a page, bounded, and nothing that is graded."""

import zipfile
from pathlib import Path

import pytest

from autograder.submissions import plainly
from autograder.submissions.entries import Limits
from autograder.submissions.reading import open_submission

FILES = {
    "work/lab3/resnet.py": b"x = 1",
    "work/lab3/observer.py": b"y = 1",
    "work/runs/fp32/run.jsonl": b"{}\n",
    "work/report.md": b"# R",
    "work/report.html": b"<p>",
    "work/figures/a.png": b"a",
    "work/figures/b.PNG": b"bb",
    "work/figures/evil.svg": b"<svg>",
    "work/figures/deep/c.png": b"c",
    "work/other/d.png": b"d",
}


def packed(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return path


def test_figures_and_the_page_are_read(tmp_path: Path) -> None:
    with open_submission(packed(tmp_path / "a.zip")) as submission:
        assert submission.page == b"<p>"
        assert submission.figures == {"figures/a.png": b"a", "figures/b.PNG": b"bb"}
        assert submission.report == b"# R"
        assert not {"work/report.html", "work/figures/a.png"} & set(submission.ignored)
        assert "work/figures/evil.svg" in submission.ignored


def test_they_are_bounded_in_size_and_number(tmp_path: Path) -> None:
    limits = Limits(figure=1, figures=1, page=2)
    with open_submission(packed(tmp_path / "a.zip"), limits) as submission:
        assert submission.figures == {"figures/a.png": b"a"}
        assert submission.page is None
        assert submission.problems == ("report.html is larger than 2 bytes and was not read",)


@pytest.mark.parametrize("is_folder", [True, False])
def test_where_folders_can_not_be_opened_the_same_is_read(
    is_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "a.zip")
    if is_folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / "a")
        path = tmp_path / "a"
        (path / "work" / "figures" / "link.png").symlink_to(path / "work" / "report.md")
    with open_submission(path) as usual:
        monkeypatch.setattr(plainly, "HAS_HANDLES", False)
        with open_submission(path) as plain:
            assert plain.sha256 == usual.sha256
            assert plain.figures == usual.figures
            assert plain.files == usual.files
