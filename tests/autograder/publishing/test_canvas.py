"""Canvas's gradebook: one assignment filled in, and imported for the right students alone."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograder.publishing import canvas
from autograder.publishing.filling import Filling
from autograder.publishing.sheet import Sheet, SheetError
from tests.making import published
from tests.making.importers import CanvasBook, CanvasUser, gradebook
from tests.making.published import NAMES, award

CANVASS_OWN = ("Points Possible", "Student, Test")  # names of rows that are no students'
LAB2, LAB3 = 12344, 12345


def book_of(*names: str) -> CanvasBook:
    """A course in whose Lab 2 everybody has 5 points; logins look like Canvas's numbers."""
    users = [
        CanvasUser(4000 + n, name, f"s{n:04}", str(4000 + n + 1)) for n, name in enumerate(names)
    ]
    scores = {LAB2: {user.number: "5.00" for user in users}}
    return CanvasBook(
        users,
        {LAB2: "Lab 2", LAB3: "Lab 3"},
        {LAB2: Decimal(10), LAB3: Decimal(100)},
        scores,
    )


def filled(
    content: bytes, *awards: Any, name: str = "Lab 3 (12345)", **options: Any
) -> tuple[bytes, Filling]:
    sheet = Sheet(content)
    filling, columns = canvas.fill(sheet, published.given(*awards), name, **options)
    return sheet.content(columns), filling


def lab3(book: CanvasBook) -> dict[int, str]:
    return {user: score for user, score in book.scores[LAB3].items() if score}


@settings(max_examples=60)
@given(
    st.lists(st.text(min_size=1, max_size=12) | st.sampled_from(NAMES), min_size=1, max_size=6),
    st.sampled_from(",;"),
    st.sampled_from(["Student", "LastName"]),
    st.booleans(),
    st.booleans(),
)
def test_every_mark_reaches_its_student(
    names: list[str], separator: str, variant: str, muted: bool, bom: bool
) -> None:
    names = [name.replace("\0", "").replace("\r", " ").strip() or "?" for name in names]
    assume(not any(own in name for own in CANVASS_OWN for name in names))
    book = book_of(*names)
    content = gradebook(book, separator, variant, muted, bom)
    awards = [award(n, name, points=f"{n}.125", lost="0.5") for n, name in enumerate(names)]
    result, filling = filled(content, *awards)
    before = {user: dict(scores) for user, scores in book.scores.items()}
    book.upload(result)
    expected = [(Decimal(n) + Decimal("0.125")) / 2 for n in range(len(names))]
    assert lab3(book) == {4000 + n: f"{canvas_rounds(mark):.2f}" for n, mark in enumerate(expected)}
    assert book.scores[LAB2] == before[LAB2]
    assert book.created == []
    assert book.possible == {LAB2: 10, LAB3: 100}
    assert len(filling.filled) == len(names)


def canvas_rounds(mark: Decimal) -> Decimal:
    return mark.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")


def test_the_file_has_who_it_is_and_one_assignment() -> None:
    book = book_of("Ada Lovelace", "=HYPERLINK(1)")
    result, _ = filled(
        gradebook(book), award(0, points="66.60"), award(1, points="1000", lost="0.1")
    )
    rows = [*csv.reader(io.StringIO(result.decode()))]
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 3 (12345)"],
        ["", "", "", "", "", "Manual Posting"],
        ["    Points Possible", "", "", "", "", "100.00"],
        ["Ada Lovelace", "4000", "s0000", "4001", "A", "66.6"],
        ['="=HYPERLINK(1)"', "4001", "s0001", "4002", "A", "900"],
        ["Student, Test", "9999999", "", "", "A", ""],
    ]


def test_a_login_like_a_number_of_canvass_is_never_taken_for_one() -> None:
    book = book_of("Ada", "Bob")
    result, filling = filled(
        gradebook(book), award(1, "Bob", points="7", canvas="", id="", login="4002")
    )
    book.upload(result)
    assert lab3(book) == {4001: "7.00"}  # Bob's login is the number of nobody here
    assert filling.strangers == ["Ada (4000)"]


def test_excused_and_other_scores_stay() -> None:
    book = book_of("Ada", "Bob", "Cy", "Di")
    book.scores[LAB3] = {4000: "EX", 4001: "40.00", 4002: "7.00", 4003: "N/A"}
    content = gradebook(book)
    awards = [award(n, points="7") for n in range(4)]
    result, filling = filled(content, *awards)
    assert [row[5] for row in csv.reader(io.StringIO(result.decode()))][3:7] == [
        "EX",
        "40.00",
        "7.00",
        "N/A",
    ]
    assert len(filling.notes) == 2
    assert filling.same == ['王 "小明" (s0002)']
    assert len(filling.other) == 1
    result, filling = filled(content, *awards, is_overwriting=True)
    assert [row[5] for row in csv.reader(io.StringIO(result.decode()))][3:7] == [
        "EX",
        "7",
        "7.00",
        "N/A",
    ]
    assert len(filling.replaced) == 1


def test_who_has_no_mark_yet_keeps_an_empty_cell() -> None:
    book = book_of("Ada", "Bob")
    result, filling = filled(gradebook(book), award(0, points=None))
    book.upload(result)
    assert lab3(book) == {}
    assert len(filling.open) == len(filling.strangers) == 1


@pytest.mark.parametrize("name", ["Lab 3 (12345)", "12345", "(12345)", "Lab 3"])
def test_the_assignment_is_found_by_title_or_number(name: str) -> None:
    book = book_of("Ada")
    result, _ = filled(gradebook(book), award(0, points="7"), name=name)
    book.upload(result)
    assert lab3(book) == {4000: "7.00"}


@pytest.mark.parametrize(
    ("name", "said"),
    [("Lab 4", "did you mean 'Lab [23] "), ("Section", "no assignment"), ("Final Score", "of 100")],
)
def test_another_assignment_is_asked_for(name: str, said: str) -> None:
    with pytest.raises(SheetError, match=said if name != "Final Score" else "Points Possible"):
        filled(gradebook(book_of("Ada")), award(0, points="7"), name=name)


def test_an_assignment_whose_name_two_have_is_asked_for() -> None:
    book = book_of("Ada")
    book.assignments[LAB2] = "Lab 3"
    with pytest.raises(SheetError, match=r"may be Lab 3 \(12344\) and Lab 3 \(12345\)"):
        filled(gradebook(book), award(0), name="Lab 3")


@pytest.mark.parametrize(
    "content",
    [b"ID,Student,Section\n1,Ada,A\n", b"Student,ID,Lab 3 (12345)\nAda,1,\n", b"a,b\n1,2\n"],
)
def test_other_layouts_are_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(SheetError, match="no gradebook of Canvas's"):
        filled(content, award(0))


def test_another_total_is_refused() -> None:
    book = book_of("Ada")
    book.possible[LAB3] = Decimal(10)
    with pytest.raises(SheetError, match=r"'Lab 3 \(12345\)' is worth 10 points"):
        filled(gradebook(book), award(0, points="50"))
    result, _ = filled(gradebook(book), award(0, points="66.66"), is_scaled=True)
    book.upload(result)
    assert lab3(book) == {4000: "6.67"}
