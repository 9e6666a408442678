"""Moodle's worksheet: filled in, and taken by Moodle for the right students and nobody else."""

import csv
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.publishing import moodle
from autograder.publishing.feedback import moodle_name
from autograder.publishing.filling import Filling
from autograder.publishing.sheet import Sheet, SheetError
from tests.making import published
from tests.making.importers import LANGUAGES, MoodleBook, worksheet
from tests.making.published import NAMES, award

FIRST = 600_000
HUNDRED = Decimal(100)


def book_of(count: int, language: str = "en", **fields: Any) -> MoodleBook:
    return MoodleBook(LANGUAGES[language], [FIRST + n for n in range(count)], **fields)


def people_of(book: MoodleBook, *names: str) -> dict[int, tuple[str, str, str]]:
    """Name, ID number and address of everybody."""
    names = names or NAMES
    return {
        number: (names[n % len(names)], f"s{n:04}", f"s{n:04}@example.org")
        for n, number in enumerate(book.participants)
    }


def filled(content: bytes, *awards: Any, **options: Any) -> tuple[bytes, Filling]:
    sheet = Sheet(content)
    filling, _ = moodle.fill(sheet, published.given(*awards), **options)
    return sheet.content(), filling


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mark_reaches_its_student_in_every_language(language: str) -> None:
    book = book_of(13, language)
    awards = [award(n, points=f"{n * 7}.5", lost="0.1") for n in range(12)]
    content, filling = filled(worksheet(book, people_of(book)), *awards)
    book.upload(content)
    assert book.grades == {FIRST + n: (Decimal(n * 7) + Decimal("0.5")) * 9 / 10 for n in range(12)}
    assert len(filling.filled) == 12
    assert len(filling.strangers) == 1
    assert not filling.needs_staff


@settings(max_examples=60)
@given(
    st.lists(st.text(min_size=1, max_size=12) | st.sampled_from(NAMES), min_size=1, max_size=6),
    st.sampled_from([*LANGUAGES]),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_whatever_names_are(
    names: list[str], language: str, separator: str, line_end: str, bom: bool, quoting: int
) -> None:
    names = [re.sub("[\0\r]", "", name) or "?" for name in names]
    book = book_of(len(names), language)
    content = worksheet(book, people_of(book, *names), separator, line_end, bom, quoting)
    awards = [award(n, name, points=str(n + 1)) for n, name in enumerate(names)]
    result, filling = filled(content, *awards)
    book.upload(result, separator)
    assert book.grades == {FIRST + n: Decimal(n + 1) for n in range(len(names))}
    assert len(filling.filled) == len(names)
    again, refilled = filled(result, *awards)
    assert again == result
    assert len(refilled.same) == len(names)


def test_nothing_but_the_cells_of_grades_changes() -> None:
    book = book_of(3, "de", comments={FIRST: 'sagt "gut",\nund mehr'})
    content = worksheet(book, people_of(book), separator=";")
    result, _ = filled(
        content, award(0, points="66.6"), award(1, points="7"), award(2, points=None)
    )
    assert result == content.replace(b";;100,00", b";66,60;100,00", 1).replace(
        b";;100,00", b";7,00;100,00", 1
    )
    book.upload(result, ";")
    assert book.comments[FIRST] == 'sagt "gut",\nund mehr'


def test_who_has_no_mark_yet_keeps_an_empty_cell() -> None:
    book = book_of(2)
    content = worksheet(book, people_of(book))
    result, filling = filled(content, award(0, points=None), replace(award(1), points=None))
    assert result == content
    assert filling.open == [
        "Ada Lovelace (s0000): not graded yet",
        "O'Brien, Mary-Jane (s0001): ",
    ]
    assert filling.needs_staff


def test_another_mark_stays_unless_it_is_to_be_overwritten() -> None:
    book = book_of(2, grades={FIRST: Decimal(50), FIRST + 1: Decimal(20)})
    content = worksheet(book, people_of(book))
    awards = award(0, points="60"), award(1, points="20")
    kept, filling = filled(content, *awards)
    assert kept == content
    assert filling.other == ["Ada Lovelace (s0000): 50, ours is 60"]
    assert filling.same == ["O'Brien, Mary-Jane (s0001)"]
    result, filling = filled(content, *awards, is_overwriting=True)
    assert filling.replaced == ["Ada Lovelace (s0000): 50, ours is 60"]
    assert not filling.other
    book.upload(result)
    assert book.grades == {FIRST: Decimal(60), FIRST + 1: Decimal(20)}


def test_what_moodle_would_skip_without_a_word_is_named() -> None:
    book = book_of(2, locked=frozenset({FIRST}))
    content = worksheet(book, people_of(book))
    result, filling = filled(content, award(0, points="60"), award(1, points="101"))
    assert result == content
    assert filling.skipped == [
        "Ada Lovelace (s0000): the grade can't be changed, and Moodle would skip it",
        "O'Brien, Mary-Jane (s0001): 101 is above the maximum of 100, and Moodle would skip it",
    ]


def test_another_total_is_refused_or_converted_and_rounded_once() -> None:
    book = book_of(1, maximum=Decimal(20))
    content = worksheet(book, people_of(book))
    marks = award(0, points="33.33", lost="0.1")
    with pytest.raises(SheetError, match=r"worth 20 points, and marks are points for code, of 100"):
        filled(content, marks)
    result, _ = filled(content, marks, is_scaled=True)
    book.upload(result)
    assert book.grades == {FIRST: Decimal("6.00")}  # 5.9994, which 30.00 of 100 would be, too


def test_a_student_is_found_by_number_and_never_by_name() -> None:
    book = book_of(2)
    content = worksheet(book, people_of(book, "Ada Lovelace"))  # both are called so
    result, filling = filled(content, award(1, "Ada Lovelace", points="8"))
    book.upload(result)
    assert book.grades == {FIRST + 1: Decimal(8)}
    assert filling.strangers == ["Ada Lovelace (Participant 600000)"]


def test_who_has_no_number_is_found_by_id_or_address() -> None:
    book = book_of(2)
    marks = (
        award(0, points="8", moodle=""),
        award(1, points="9", moodle="", id="", email="S0001@EXAMPLE.ORG"),
    )
    result, _ = filled(worksheet(book, people_of(book)), *marks)
    book.upload(result)
    assert book.grades == {FIRST: Decimal(8), FIRST + 1: Decimal(9)}


def test_a_number_and_an_address_of_two_people_are_nobodys() -> None:
    book = book_of(2)
    marks = award(0, points="8", moodle=str(FIRST + 1)), award(1, points="9", moodle="7", id="x")
    result, filling = filled(worksheet(book, people_of(book)), *marks)
    book.upload(result)
    assert FIRST + 1 not in book.grades
    assert "whose id is s0000 and not s0001" in " ".join(filling.unclear)


def test_a_worksheet_of_another_assignment_is_refused() -> None:
    book = book_of(3)
    content = worksheet(book, people_of(book, "Grace Hopper", "Alan Turing", "Ada King"))
    without = b"\n".join(
        b",".join(cell for i, cell in enumerate(line.split(b",")) if i not in (2, 3))
        for line in content.split(b"\n")
    )
    with pytest.raises(SheetError, match="is it of another assignment"):
        filled(without, *(award(n, points="5") for n in range(3)))


def test_without_names_numbers_are_enough() -> None:
    book = book_of(2)
    result, _ = filled(worksheet(book, {}, blind=True), award(0, points="5"), award(1, points="6"))
    book.upload(result)
    assert book.grades == {FIRST: Decimal(5), FIRST + 1: Decimal(6)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,name\n1,Ada\n", "no grading worksheet"),
        (b"Student,ID,Section,Lab 3 (1)\nAda,1,A,\n", "no grading worksheet"),
        (
            b"Identifier,Status,Grade,Scale,Last modified (grade)\nParticipant 1,x,,good,-\n",
            "for a scale",
        ),
    ],
)
def test_other_layouts_are_refused_with_a_sentence(content: bytes, said: str) -> None:
    with pytest.raises(SheetError, match=said) as caught:
        filled(content, award(0))
    assert "Download grading worksheet" in str(caught.value)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_feedback_comes_back_to_the_same_participants(names: list[str]) -> None:
    book = book_of(len(names))
    participants = [
        moodle.Participant(award(n), str(FIRST + n), name) for n, name in enumerate(names)
    ]
    brought = book.feedback([f"{moodle_name(one)}_feedback.html" for one in participants])
    assert brought == {FIRST + n: "feedback.html" for n in range(len(names))}
