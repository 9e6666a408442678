"""Whatever students and files are called, an export is parsed back to exactly these."""

import re
import string
import unicodedata
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.submissions.clutter import clutter_of
from autograder.submissions.lms.handed_in import Context
from autograder.submissions.lms.kinds import KINDS
from tests.making.exports import HandedIn, listing_of, tree
from tests.making.exports.listing import contents

LEAN = settings(max_examples=30)
CONTEXT = Context(ZoneInfo("UTC"))
# What no LMS lets through, and what no file system does.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='/\\:*?"<>|')
TEXT = st.text(CHARACTERS, max_size=12)


def is_file_name(name: str) -> bool:
    return name not in ("", ".", "..") and not clutter_of((name,))


FILE_NAMES = TEXT.filter(is_file_name)
PATHS = st.lists(FILE_NAMES, min_size=1, max_size=3).map("/".join)
NUMBERS = st.text(string.digits, min_size=1, max_size=9)


def is_tree(files: dict[str, bytes]) -> bool:
    """Tell whether no file lies in another one."""
    return not any(path.startswith(f"{other}/") for path in files for other in files)


def files_of(names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, bytes]]:
    return st.dictionaries(names, st.binary(max_size=3), min_size=1, max_size=3).filter(is_tree)


def classes(
    ids: st.SearchStrategy[str] = NUMBERS,
    names: st.SearchStrategy[str] = PATHS,
    people: st.SearchStrategy[str] = TEXT,
) -> st.SearchStrategy[list[HandedIn]]:
    one = st.builds(HandedIn, id=ids, name=people, files=files_of(names), is_late=st.booleans())
    return st.lists(one, min_size=1, max_size=4, unique_by=lambda one: one.id)


def parsed(kind: str, files: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """The files of each person's one attempt, by the person's id."""
    hand_ins = KINDS[kind].parse(listing_of(files), CONTEXT).hand_ins
    found = {hand_in.people[0].id: contents(hand_in) for hand_in in hand_ins}
    assert len(found) == len(hand_ins)
    return found


def expected(people: list[HandedIn], lms: str) -> dict[str, dict[str, bytes]]:
    return {f"{lms}:{one.id}": dict(one.files) for one in people}


VARIANTS: list[dict[str, Any]] = [
    {},
    {"trailing": "_"},
    {"layout": "flat"},
    {"layout": "flat", "blind": "Teilnehmer/in"},
    {"blind": "Participant"},
]


@LEAN
@given(classes(), st.sampled_from(VARIANTS[:3]))
def test_moodle(people: list[HandedIn], variant: dict[str, Any]) -> None:
    assert parsed("moodle", tree("moodle", people, **variant)) == expected(people, "moodle")


def is_read_by_canvas(name: str) -> bool:
    """Tell whether Canvas itself finds the student's number behind a name, not in it."""
    plain = "".join(c for c in name.lower() if c == "_" or c.isalnum())
    return plain != "" and not re.search(r"(^|_)[0-9]+_*$", plain)


CANVAS_NAMES = TEXT.filter(is_read_by_canvas)


@LEAN
@given(classes(names=FILE_NAMES, people=CANVAS_NAMES))
def test_canvas(people: list[HandedIn]) -> None:
    hand_ins = KINDS["canvas"].parse(listing_of(tree("canvas", people)), CONTEXT).hand_ins
    found = {hand_in.people[0].id: hand_in for hand_in in hand_ins}
    assert len(found) == len(people)
    for one in people:
        own = found[f"canvas:{one.id}"]
        assert contents(own) == one.files
        assert own.late == ("LATE" if one.is_late else "")


IDS = st.text(CHARACTERS, min_size=1, max_size=8).filter(is_file_name)
PLAIN_IDS = IDS.map(lambda text: unicodedata.normalize("NFC", text)).filter(is_file_name)


@LEAN
@given(classes(ids=st.text(string.ascii_letters + string.digits + "-_.()[]", min_size=1)))
def test_blackboard(people: list[HandedIn]) -> None:
    files = tree("blackboard", people, assignment="Lab_3 (a)")
    assert parsed("blackboard", files) == expected(people, "blackboard")


@LEAN
@given(classes(ids=st.from_regex(r"\A[0-9]{1,6}(-[0-9]{1,6})?\Z")))
def test_brightspace(people: list[HandedIn]) -> None:
    assert parsed("brightspace", tree("brightspace", people)) == expected(people, "brightspace")


@LEAN
@given(classes(), st.booleans())
def test_gradescope(people: list[HandedIn], symbols: bool) -> None:
    with_ids = [HandedIn("", one.files, one.name, sid=one.id) for one in people]
    files = tree("gradescope", with_ids, symbols=symbols, wrapper="")
    assert parsed("gradescope", files) == expected(people, "gradescope")


def normal(people: list[HandedIn]) -> dict[str, dict[str, bytes]]:
    return {unicodedata.normalize("NFC", one.id): dict(one.files) for one in people}


@LEAN
@given(classes(ids=PLAIN_IDS, names=PATHS.filter(lambda path: path != "timestamp.txt")))
def test_nbgrader(people: list[HandedIn]) -> None:
    assert parsed("nbgrader", tree("nbgrader", people)) == normal(people)


@LEAN
@given(classes(ids=PLAIN_IDS))
def test_folders(people: list[HandedIn]) -> None:
    assert parsed("folders", tree("folders", people)) == normal(people)


@pytest.mark.parametrize("kind", ["classroom", "classroom50"])
@LEAN
@given(people=classes(ids=st.from_regex(r"\A[a-z0-9]{1,4}(-[a-z0-9]{1,4}){0,2}\Z")))
def test_clones(kind: str, people: list[HandedIn]) -> None:
    files = tree(kind, people)
    if kind == "classroom":
        top = "lab3-submissions/"
        files = {name.removeprefix(top): content for name, content in files.items()}
        listing = listing_of(files, "lab3-submissions")
    else:
        listing = listing_of(files)
    hand_ins = KINDS[kind].parse(listing, CONTEXT).hand_ins
    found = {hand_in.people[0].id for hand_in in hand_ins}
    assert found == {f"github:{one.id}" for one in people}


@LEAN
@given(classes())
def test_worksheet(people: list[HandedIn]) -> None:
    (content,) = tree("moodle-worksheet", people, word="Teilnehmer/in").values()
    listing = listing_of({"sheet.csv": content}, "sheet.csv", is_archive=False)
    facts = KINDS["moodle-worksheet"].parse(listing, CONTEXT).facts
    assert [(fact.value, fact.name) for fact in facts] == [(one.id, one.name) for one in people]
