"""Folders for students: readable, and never shared."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.naming import folder_name

ODD = ["", ".", "..", "ADA", "Ada", "a/b", "a\\b", "e\u0301", "\u00e9", "0012(3)", "[x].+*", " ada"]
ODD += [
    "con",
    "nul.txt",
    "moodle-12",
    "ada.",
    "-x",
    "x" * 61,
    "\u738b\u5c0f\u660e",
    "\udcff",
    "a\n",
]
ODD += ["ada-0123456789ab", "moodle:a b", "moodle:A b", "moodle:", "canvas:../x", "a:b"]


@pytest.mark.parametrize("name", ["ada", "0012345", "b11902001", "ada.l", "a_b", "group-7", "x"])
def test_a_plain_id_is_the_folder(name: str) -> None:
    assert folder_name(name) == name


def test_an_id_of_an_lms_names_it() -> None:
    assert folder_name("moodle:657693") == "moodle-657693"
    assert folder_name("canvas:657693") == "canvas-657693"
    assert folder_name("B11902001").startswith("B11902001-")
    assert folder_name("0012(3)").startswith("0012-3-")


IDS = (
    st.text(max_size=12) | st.sampled_from(ODD) | st.from_regex(r"(moodle[:-])?[a-zA-Z0-9.-]{1,9}")
)


@given(st.lists(IDS, unique=True))
def test_no_two_share_a_folder_on_any_file_system(ids: list[str]) -> None:
    names = [folder_name(one) for one in (*ids, *ODD) if one not in ids or one not in ODD]
    assert len({unicodedata.normalize("NFKD", name).casefold() for name in names}) == len(names)
    for name in names:
        assert name.isascii()
        assert name.isprintable()
        assert name[0].isalnum()
        assert name[-1] != "."
        assert "/" not in name
        assert len(name) <= 61
