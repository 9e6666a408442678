"""Tables of others: read as Python's csv reads them, and changed in nothing but the cells asked."""

import csv
import io

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograder.publishing.sheet import Sheet, SheetError

CELLS = st.text(
    st.sampled_from(list('ab1 ,;\t"\n\r=é王\u202e\U0001f393\ufeff')) | st.characters(codec="utf-8"),
    max_size=6,
)
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=5)
STYLES = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t"),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    }
)
TITLES = ["title", "one", "two", "three", "four"]


def written(rows: list[list[str]], style: dict[str, object], encoding: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, **style).writerows([TITLES, *rows])  # type: ignore[call-overload]
    start = {"utf-8-sig": "\ufeff", "utf-16-le": "\ufeff"}.get(encoding, "")
    return (start + text.getvalue()).encode(encoding.removesuffix("-sig"))


def is_clear(rows: list[list[str]], style: dict[str, str]) -> bool:
    """Tell whether Python quotes all that has to be: it leaves a "\r" where lines end in "\n"."""
    return style["lineterminator"] != "\n" or not any("\r" in cell for row in rows for cell in row)


def values(content: bytes, encoding: str, delimiter: str) -> list[list[str]]:
    text = content.decode(encoding.removesuffix("-sig"))
    text = text.removeprefix("\ufeff") if encoding != "utf-8" else text
    return [*csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]


@given(ROWS, STYLES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le"]))
def test_what_is_not_changed_stays_byte_for_byte(
    rows: list[list[str]], style: dict[str, str], encoding: str
) -> None:
    content = written(rows, style, encoding)
    sheet = Sheet(content)
    assert sheet.content() == content
    assert [[cell.value for cell in row.cells] for row in sheet.rows] == values(
        content, encoding, style["delimiter"]
    )


@settings(max_examples=60)
@given(ROWS, STYLES, CELLS, st.data())
def test_a_changed_cell_changes_nothing_else(
    rows: list[list[str]], style: dict[str, str], value: str, data: st.DataObject
) -> None:
    assume(is_clear(rows, style))
    content = written(rows, style, "utf-8")
    sheet = Sheet(content)
    row = data.draw(st.integers(1, len(rows)))
    column = data.draw(st.integers(0, len(rows[row - 1]) - 1))
    sheet.put(row, column, value)
    expected = [TITLES, *map(list, rows)]
    expected[row][column] = value
    assert values(sheet.content(), "utf-8", style["delimiter"]) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_ends_of_lines_and_of_the_file_stay(end: str) -> None:
    content = f'a;"b, c"{end or chr(10)}1;{end}'.encode()
    sheet = Sheet(content)
    assert sheet.separator == ";"
    sheet.put(1, 1, "7,5")
    assert sheet.content() == f'a;"b, c"{end or chr(10)}1;7,5{end}'.encode()


def test_some_columns_are_written_as_they_are() -> None:
    sheet = Sheet(b'a,"b",c\n1,"2",3\n,,\nshort\n')
    assert sheet.content([0, 2]) == b"a,c\n1,3\n,\nshort,\n"


def test_bytes_of_another_encoding_stay() -> None:
    content = "Name,Note\nMüller,\n".encode("latin-1")
    sheet = Sheet(content)
    sheet.put(1, 1, "7")
    assert sheet.content() == "Name,Note\nMüller,7\n".encode("latin-1")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b'a,b\n1,"open\n2,3\n', "line 2: a quote is never closed")],
)
def test_what_is_no_table_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(SheetError, match=said):
        Sheet(content)
