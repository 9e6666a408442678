"""``lab3 course init`` makes a course folder, once."""

from pathlib import Path

from autograder.course.folder import Course
from tests.conftest import Command


def test_a_course_is_made_and_never_replaced(lab3: Command, tmp_path: Path) -> None:
    assert "wrote courses/2026/course.toml" in lab3("course", "init", "courses/2026").stderr
    assert Course.find(tmp_path / "courses" / "2026").settings.name == "Lab 3"
    (tmp_path / "courses" / "2026" / "course.toml").write_text("mine")
    said = lab3("course", "init", "courses/2026", fails=1).stderr
    assert "course.toml is there already: edit it, or name another folder" in said
    assert (tmp_path / "courses" / "2026" / "course.toml").read_text() == "mine"
    (tmp_path / "file").touch()
    assert "file is no folder" in lab3("course", "init", "file", fails=1).stderr
