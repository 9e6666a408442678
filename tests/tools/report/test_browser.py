"""The pages in a real browser: the report in both languages, and a student's feedback."""

import re
import shutil
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from autograder.exports.feedback import feedback
from tests.conftest import Command
from tests.making.browser import WIDTHS, barriers, is_scrolled_sideways, opened
from tests.making.grades import grade, result, whole
from tests.making.logs.certificates import certify
from tests.making.logs.folders import write_runs
from tools.report.page import write_page
from tools.report.sources import collect
from tools.report.texts import LANGUAGES
from tools.report.writing import write_report


@pytest.fixture(scope="module", params=LANGUAGES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    sources = collect(certify(write_runs(folder / "runs")))
    write_report(folder / "report.md", sources, request.param)
    return write_page(folder / "report.md")[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_opens_without_complaints_and_fits(
    chromium: Browser, report: Path, width: int
) -> None:
    page, complaints = opened(chromium, report, width)
    assert complaints == []
    assert not is_scrolled_sideways(page)
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) == 7
    assert min(widths) > 0
    assert page.locator("math").count() >= 4
    heights = page.evaluate("[...document.querySelectorAll('math')].map(m => m.clientHeight)")
    assert min(heights) > 5
    page.close()


def test_unfolded_tables_scroll_inside_of_their_own_box(chromium: Browser, report: Path) -> None:
    page, _ = opened(chromium, report, 390)
    for part in page.locator("summary").all():
        part.click()
    assert not is_scrolled_sideways(page)
    boxes = "[...document.querySelectorAll('.wide')].map(box => box.scrollWidth > box.clientWidth)"
    assert any(page.evaluate(boxes))
    page.close()


def test_open_questions_stand_out(chromium: Browser, report: Path) -> None:
    page, _ = opened(chromium, report, 1280)
    assert page.locator("p.open").count() == 15
    style = "getComputedStyle(document.querySelector('p.open')).borderTopStyle"
    assert page.evaluate(style) == "dashed"  # so the policy lets the style sheet through
    page.close()


def test_the_report_prints(chromium: Browser, report: Path) -> None:
    page, _ = opened(chromium, report, 1280)
    page.emulate_media(media="print")
    assert page.pdf().startswith(b"%PDF")
    table = page.locator("details .wide").first
    box = table.bounding_box()
    assert box
    assert box["height"] > 40  # folded parts are printed unfolded
    page.close()


@pytest.mark.usefixtures("chromium")
def test_the_command_prints_a_pdf(tmp_path: Path, lab3: Command) -> None:
    write_runs(tmp_path / "runs")
    assert "wrote report.pdf" in lab3("report", "--pdf").stderr
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_without_a_browser_the_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab3.errors import LabError
    from tools.report.pdf import print_pdf

    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(LabError, match="needs Chromium or Chrome: install one"):
        print_pdf(tmp_path / "report.html", tmp_path / "report.pdf")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_feedback_opens_without_complaints_and_fits(
    chromium: Browser, tmp_path: Path, width: int
) -> None:
    whole_grade = grade(whole(), result(outcome="passed"), result(claim="W" * 200))
    path = tmp_path / "feedback.html"
    path.write_text(feedback(whole_grade, "everything"), encoding="utf-8")
    page, complaints = opened(chromium, path, width)
    assert complaints == []
    assert not is_scrolled_sideways(page)
    page.close()


def test_what_passed_stays_folded_on_paper(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "feedback.html"
    path.write_text(feedback(grade(result(), result(outcome="passed")), "some"), encoding="utf-8")
    page, _ = opened(chromium, path, 1280)
    page.emulate_media(media="print")
    seen = (
        "[...document.querySelectorAll('summary')].map(s => [s.textContent, s.checkVisibility()])"
    )
    shown = {text.split()[0]: is_seen for text, is_seen in page.evaluate(seen)}
    assert shown["FAILED"]
    assert not shown["PASSED"]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_from_reading_the_report(
    chromium: Browser, report: Path, scheme: Literal["light", "dark"]
) -> None:
    page = chromium.new_context(bypass_csp=True, color_scheme=scheme).new_page()
    page.goto(report.as_uri())
    assert barriers(page) == []
    inner = "[...document.querySelectorAll('a[href^=\"#\"]')]"
    links = page.evaluate(f"{inner}.map(a => !!document.querySelector(a.hash))")
    assert links
    assert all(links)
    captions = page.locator("figcaption strong").all_inner_texts()
    assert [re.sub(r"\D", "", text) for text in captions] == [str(n + 1) for n in range(7)]
    page.close()


def test_figures_fit_a_phone_and_tables_that_do_not_say_so(chromium: Browser, report: Path) -> None:
    page, _ = opened(chromium, report, 390)
    widths = page.evaluate("[...document.images].map(image => image.getBoundingClientRect().right)")
    assert max(widths) <= 390
    shadow = "getComputedStyle(document.querySelector('.wide')).backgroundAttachment"
    assert page.evaluate(shadow) == "local, local, scroll, scroll"
    page.close()
