"""The table of our own: every name survives, and none is a formula."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from autograder.publishing.table import STARTS, TITLES, table
from tests.making import published
from tests.making.published import NAMES, award


def rows_of(content: bytes) -> list[dict[str, str]]:
    text = content.decode("utf-8-sig")
    return [*csv.DictReader(io.StringIO(text, newline=""))]


@given(st.lists(st.text(max_size=12) | st.sampled_from(NAMES), max_size=6))
def test_names_survive_and_are_no_formulas(names: list[str]) -> None:
    awards = [award(n, name or "-", points=f"{n}.25") for n, name in enumerate(names)]
    rows = rows_of(table(published.given(*awards)))
    assert len(rows) == len(names)
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        assert row["name"].removeprefix("'") == (name or "-").removeprefix("'")
        assert not row["name"].startswith(STARTS)
        assert (row["id"], row["mark"], row["of"]) == (f"s{number:04}", f"{number}.25", "100")


def test_it_says_what_lateness_takes_and_why_there_is_no_mark() -> None:
    awards = award(0, points="50", lost="0.2"), award(1, points=None)
    late, open_ = rows_of(table(published.given(*awards)))
    assert list(late) == list(TITLES)
    assert (late["points"], late["lost"], late["mark"]) == ("50", "20", "40")
    assert (open_["points"], open_["mark"], open_["note"]) == ("", "", "not graded yet")
