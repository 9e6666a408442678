"""Staff's pages in a real browser: the overview of a class, and integrity."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.making.browser import barriers, is_scrolled_sideways, opened
from tests.making.overviews import overview_of
from tests.making.prints import compared
from tools.integrity.decisions import Decision
from tools.integrity.page import page as integrity_page
from tools.integrity.prints import CodePrint, Fingerprint, Passage

AT = datetime(2026, 12, 1, tzinfo=UTC)
ROWS = 1000
NASTY = "</style><script>alert(1)</script>"


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The overview of a thousand, alone in a folder as from a mail."""
    path = tmp_path_factory.mktemp("mail") / "index.html"
    path.write_text(overview_of(ROWS).page(AT), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def small_overview(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mail") / "index.html"
    path.write_text(overview_of(30).page(AT), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def integrity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs with strong and possible evidence, one of them decided."""
    words = tuple(range(1, 200))
    text = Passage(line=3, words=200, script="words", begins=f"It is {NASTY}", shingles=words)
    code = CodePrint(sha256="c", own=3)
    works = {
        "a": Fingerprint(version="", content="1", passages=(text,)),
        "b": Fingerprint(version="", content="2", passages=(text,)),
        "c": Fingerprint(version="", content="3", code=code, code_sha256="c"),
        "d": Fingerprint(version="", content="3", code=code, code_sha256="c"),
        "e": Fingerprint(version="", content="", problem=NASTY),
    }
    decision = Decision(students=("c", "d"), decision="cleared", why=NASTY, by="ta", at=AT)
    result = compared(works, names={"a": NASTY, "b": "王 小明", "c": "أحمد"}, decisions=[decision])
    path = tmp_path_factory.mktemp("mail") / "integrity.html"
    path.write_text(integrity_page(result, "Lab 3", AT), encoding="utf-8")
    return path


@pytest.fixture
def desk(chromium: Browser, overview: Path) -> Page:
    return opened(chromium, overview, 1280)[0]


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        ("overview", 390, "light"),
        ("overview", 1280, "dark"),
        ("small_overview", 390, "dark"),
        ("small_overview", 1280, "light"),
        ("integrity", 390, "dark"),
        ("integrity", 1280, "light"),
    ],
)
def test_pages_open_without_complaints_fit_and_have_no_barriers(
    chromium: Browser, request: pytest.FixtureRequest, name: str, width: int, scheme: str
) -> None:
    page, complaints = opened(chromium, request.getfixturevalue(name), width)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert not is_scrolled_sideways(page)
    if name != "overview":  # axe looks at a thousand rows for long, and they are alike
        assert barriers(page) == []
    assert complaints == []
    page.close()


def names(page: Page) -> list[str]:
    return page.locator("#filtered tbody tr:visible th bdi").all_inner_texts()


def test_a_header_sorts_by_click_and_by_key(desk: Page) -> None:
    header = desk.locator("#filtered th", has_text="Points")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    cells = desk.locator("#filtered tbody tr td:nth-of-type(1)")
    shown = cells.evaluate_all("all => all.map(one => Number(one.dataset.value))")
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == ROWS
    header.get_by_role("button").focus()
    desk.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    shown = cells.evaluate_all("all => all.map(one => Number(one.dataset.value))")
    assert shown == sorted(shown)
    assert desk.locator("#filtered th[aria-sort]").count() == 1
    desk.close()


def test_names_are_sorted_as_people_do(desk: Page) -> None:
    desk.locator("#filtered th", has_text="Student").get_by_role("button").click()
    shown = [name for name in names(desk) if name.startswith("Student")]
    numbers = [int(name.split()[1]) for name in shown]
    assert numbers == sorted(numbers)
    desk.close()


def test_the_keyboard_filters_and_takes_back(desk: Page) -> None:
    desk.keyboard.press("/")
    desk.keyboard.type("student 77 late")
    assert names(desk) == ["Student 778 O'Brien", "Student 877 O'Brien"]  # and late
    desk.keyboard.press("Control+a")
    desk.keyboard.type("moodle-123")
    assert names(desk) == ["Student 123 O'Brien"]
    assert desk.get_by_role("status").inner_text() == f"1 of {ROWS} shown"
    desk.keyboard.press("Escape")
    assert len(names(desk)) == ROWS
    assert desk.locator("input").input_value() == ""
    desk.close()


def test_the_list_shows_those_without_a_grade_and_those_whom_a_check_cost_points(
    desk: Page,
) -> None:
    kind = desk.get_by_label("Show")
    kind.select_option("ungraded")
    assert len(names(desk)) == ROWS // 25
    option = kind.locator("optgroup").nth(1).locator("option").first
    count = int(option.inner_text().rpartition("(")[2].rstrip(")"))
    kind.select_option(option.get_attribute("value"))
    assert len(names(desk)) == count
    desk.close()


def test_without_scripts_everything_can_be_read(chromium: Browser, overview: Path) -> None:
    page, complaints = opened(chromium, overview, 390, scripts=False)
    assert page.locator("#filtered tbody tr").count() == ROWS
    assert page.locator("form").is_hidden()
    assert page.get_by_role("button").count() == 0
    assert [text for text in complaints if "script" not in text.lower()] == []
    page.close()


def test_it_prints(chromium: Browser, overview: Path) -> None:
    page, _ = opened(chromium, overview, 1280)
    page.emulate_media(media="print")
    assert page.locator("form").is_hidden()
    assert page.pdf().startswith(b"%PDF")
    page.close()


def test_integrity_shows_evidence_and_decisions(chromium: Browser, integrity: Path) -> None:
    page, _ = opened(chromium, integrity, 1280)
    assert page.locator("article").count() == 2
    first, second = page.locator("article").all()
    assert "王 小明" in first.inner_text()
    assert "strong" in first.inner_text()
    assert "cleared on 2026-12-01 by ta" in second.inner_text()
    assert page.locator("script").count() == 0
    page.close()
