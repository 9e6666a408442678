"""nbgrader's own programs on the same gradebook: they show the marks that lab3 gives."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from autograder.course.folder import Course
from autograder.course.naming import folder_name
from autograder.publishing.exporting import to_nbgrader
from autograder.publishing.gradebook.reading import by_hand
from tests.autograder.publishing.gradebook.conftest import Make, exported
from tests.making import browser, jupyter, published
from tests.making.classes import DUE
from tests.making.published import LATE, Pupil

pytestmark = pytest.mark.slow


def exported_by_nbgrader(course: Course, folder: Path) -> dict[str, Decimal]:
    """The scores of nbgrader's CSV, which has no quotes around what holds commas."""
    jupyter.nbgrader(course.folder, folder, "export", "--to", str(folder / "out.csv"))
    with (folder / "out.csv").open(newline="") as file:
        rows = [*csv.DictReader(file, quoting=csv.QUOTE_NONE)]
    assert all(None not in row and None not in row.values() for row in rows)
    return {row["student_id"]: Decimal(row["score"]) for row in rows if row["timestamp"]}


def test_nbgrader_exports_the_same_marks(course_of: Make, tmp_path: Path) -> None:
    pupils = published.mixed(14)
    course = course_of(pupils)
    exported(course)
    (tmp_path / "own").mkdir()
    found = exported_by_nbgrader(course, tmp_path / "own")
    assert {p.id: found[p.id] for p in pupils if p.mark is not None} == {
        p.id: p.mark for p in pupils if p.mark is not None
    }


@pytest.fixture(scope="module")
def pages() -> Browser:
    with browser.running() as running:
        yield running


def rows_of(page: Page, url: str, count: int) -> list[list[str]]:
    """The cells of a table of formgrader's, when it has its rows."""
    page.goto(url)
    loaded = "!document.body.innerText.includes('please wait')"
    page.wait_for_function(f"{loaded} && document.querySelectorAll('tbody tr').length >= {count}")
    return [
        [cell.strip() for cell in row.locator("td").all_inner_texts()]
        for row in page.locator("tbody tr").all()
    ]


def test_formgrader_shows_the_same_marks_and_takes_marks_by_hand(
    course_of: Make, pages: Browser, tmp_path: Path
) -> None:
    pupils = [
        Pupil(0, ("qat.converts",)),
        Pupil(1, late_h=5),
        Pupil(2, None),
        Pupil(3, ("accuracy.fp32",)),
    ]
    course = course_of(pupils)
    exported(course)
    with jupyter.formgrader(course.folder, tmp_path / "jupyter") as address:
        page = pages.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.route(lambda url: not url.startswith(address), lambda route: route.abort())
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        (lab,) = rows_of(page, f"{address}/formgrader/manage_assignments", 1)
        assert lab[0] == "lab3"
        assert "3" in lab  # submissions
        rows = rows_of(page, f"{address}/formgrader/manage_submissions/lab3", 3)
        shown = {row[1]: row for row in rows}
        assert {student: row[4].split(" / ") for student, row in shown.items()} == {
            "s0000": ["98", "200"],
            "s0001": ["100", "200"],
            "s0003": ["95", "200"],
        }
        assert {row[3] for row in rows} == {"needs manual grading"}  # of the report
        response = page.request.get(f"{address}/formgrader/api/submitted_notebooks/lab3/report")
        notebook = next(n for n in json.loads(response.text()) if n["student"] == "s0000")
        page.goto(f"{address}/formgrader/submissions/{notebook['id']}/")
        page.wait_for_selector("#qconfig.score")
        assert page.locator("text=4. Custom QConfig").count()
        for section in published.SECTIONS:
            page.fill(f"#{section}.score", "9")
            page.locator(f"#{section}.score").blur()
        page.wait_for_function("document.querySelectorAll('.score').length === 6")
        page.wait_for_timeout(1500)
        code = json.loads(
            page.request.get(f"{address}/formgrader/api/submitted_notebooks/lab3/code").text()
        )
        own = next(n for n in code if n["student"] == "s0000")
        page.goto(f"{address}/formgrader/submissions/{own['id']}/")
        page.wait_for_selector("#qat-converts[placeholder]")
        assert page.locator("#qat-converts").get_attribute("placeholder") == "0"
        assert page.locator("#qat-weights_move").get_attribute("placeholder") == "2"
        assert page.locator("text=It is not so.").count() == 1
        assert {*complaints} <= {"MathJax is not defined"}  # which it fetches from elsewhere
        page.close()
    given = by_hand(course).of("s0000")
    assert {name: g.points for name, g in given.items()} == dict.fromkeys(published.SECTIONS, 9)
    exported(course)
    (tmp_path / "own").mkdir()
    assert exported_by_nbgrader(course, tmp_path / "own")["s0000"] == 98 + 54


def test_ids_that_formgrader_can_not_read_are_none_of_ours() -> None:
    """Signs of regular expressions break its pages."""
    for name in ("a(1)", "[x]+", "a|b", "0012*", "moodle:7"):
        assert not set(folder_name(name)) & set("()[]{}+*?|^$\\/")


def test_a_configuration_of_ones_own_stays(tmp_path: Path, empty_file: Path) -> None:
    course = published.write(tmp_path / "course", [Pupil(0)], DUE + LATE)
    (course.folder / "gradebook.db").write_bytes(empty_file.read_bytes())
    (course.folder / "nbgrader_config.py").write_text("c = get_config()\n")
    assert not to_nbgrader(course, lambda _: None).is_config_ours
    assert (course.folder / "nbgrader_config.py").read_text() == "c = get_config()\n"
