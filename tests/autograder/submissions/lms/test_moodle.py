"""Moodle's download and its grading worksheet."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from autograder.submissions.lms.handed_in import Context, Parsed
from autograder.submissions.lms.kinds import KINDS, recognised
from tests.making.exports import HandedIn, listing_of, tree
from tests.making.exports.listing import contents

BERLIN = Context(ZoneInfo("Europe/Berlin"))
FILES = {"lab3.zip": b"zip", "report.md": b"# Report"}


def parsed(files: dict[str, bytes], name: str = "export.zip") -> Parsed:
    kind, view = recognised(listing_of(files, name))
    assert kind.name == "moodle"
    return kind.parse(view, BERLIN)


@pytest.mark.parametrize(
    "name",
    ["Lovelace, Ada", "O'Brien_Ada", "\u738b\u5c0f\u660e", "\U0001f600", "Ade\u0301le", "x" * 200],
)
@pytest.mark.parametrize("variant", [{}, {"trailing": "_"}, {"layout": "flat"}])
def test_files_are_those_of_the_number_whatever_the_name(
    name: str, variant: dict[str, str]
) -> None:
    files = tree("moodle", [HandedIn("7", FILES, name)], **variant)
    (hand_in,) = parsed(files).hand_ins
    (person,) = hand_in.people
    assert (person.id, person.name) == ("moodle:7", name.replace("_", " ").replace("'", ""))
    assert contents(hand_in) == FILES
    assert hand_in.received is None


def test_two_with_one_name_are_two() -> None:
    two = [HandedIn("7", {"a.zip": b"1"}), HandedIn("8", {"a.zip": b"2"})]
    assert [h.people[0].id for h in parsed(tree("moodle", two)).hand_ins] == [
        "moodle:7",
        "moodle:8",
    ]


def test_sites_that_put_the_login_first_change_no_identity() -> None:
    files = tree("moodle", [HandedIn("7", FILES, login="u123")], with_login=True)
    assert parsed(files).hand_ins[0].people[0].id == "moodle:7"


def test_blind_and_team_downloads_have_numbers_too() -> None:
    two = [HandedIn("4006831", FILES), HandedIn("4006832", FILES)]
    blind = parsed(tree("moodle", two, blind="Teilnehmer/in")).hand_ins
    assert [(h.people[0].id, h.people[0].name) for h in blind] == [
        ("moodle:4006831", ""),
        ("moodle:4006832", ""),
    ]
    teams = [HandedIn("12", FILES, "Red Team"), HandedIn("", FILES, "Default group")]
    found = parsed(tree("moodle", teams)).hand_ins
    assert [h.people[0].id for h in found] == ["moodle:12", "moodle:Default group"]


def test_folders_of_the_students_own_stay() -> None:
    files = {"my lab_3/lab3/resnet.py": b"x", "my lab_3/runs/a_b/run.jsonl": b"y"}
    (hand_in,) = parsed(tree("moodle", [HandedIn("7", files)])).hand_ins
    assert contents(hand_in) == files
    assert hand_in.label == "my lab_3/lab3/resnet.py, my lab_3/runs/a_b/run.jsonl"


def test_an_online_text_is_told_from_files() -> None:
    both = [HandedIn("7", FILES, text="<p>hello</p>"), HandedIn("8", text="<p>only</p>")]
    with_files, alone = parsed(tree("moodle", both)).hand_ins
    assert (contents(with_files), with_files.text) == (FILES, "an online text")
    assert (alone.files, alone.text) == ((), "an online text")


def test_a_folder_around_it_and_names_that_are_no_ones() -> None:
    files = tree("moodle", [HandedIn("7", FILES), HandedIn("8", FILES)])
    wrapped = {f"CS101-Lab3-4711/{name}": content for name, content in files.items()}
    more = {"CS101-Lab3-4711/notes.txt": b"", "__MACOSX/._x": b""}
    found = parsed({**wrapped, **more}, "CS101-Lab3-4711.zip")
    assert len(found.hand_ins) == 2
    assert found.left == ("notes.txt",)


SHEET = KINDS["moodle-worksheet"]


def sheet(content: bytes, context: Context = BERLIN) -> Parsed:
    kind, view = recognised(listing_of({"g.csv": content}, "g.csv", is_archive=False))
    assert kind is SHEET
    return kind.parse(view, context)


TIME = datetime(2026, 11, 24, 23, 59)
ADA = HandedIn("657693", name="Ada", email="a@x.org", sid="0012", received=TIME)


def test_a_worksheet_tells_ids_and_times() -> None:
    (content,) = tree("moodle-worksheet", [ADA, HandedIn("8")]).values()
    facts = sheet(content).facts
    ada, other = facts
    assert (ada.kind, ada.value, ada.name) == ("moodle", "657693", "Ada")
    assert ada.ids == {"email": "a@x.org", "id": "0012"}
    assert ada.received == datetime(2026, 11, 24, 22, 59, tzinfo=UTC)
    assert other.received is None


def test_titles_and_times_may_be_in_another_language() -> None:
    (content,) = tree(
        "moodle-worksheet",
        [ADA],
        word="Teilnehmer/in",
        titles=("Zuletzt ge\u00e4ndert (Abgabe)", "Zuletzt ge\u00e4ndert (Bewertung)"),
        time=lambda t: t.strftime("Dienstag, %d. November %Y, %H:%M"),
        blind=True,
        bom=False,
    ).values()
    (ada,) = sheet(content.replace(b",", b";").replace(b"Dienstag;", b"Dienstag,")).facts
    assert (ada.value, ada.ids, ada.name) == ("657693", {}, "")


def test_a_worksheet_without_times_of_submissions_takes_none_of_grades() -> None:
    (content,) = tree("moodle-worksheet", [ADA]).values()
    without = content.replace(b",Last modified (submission)", b"", 1)
    without = without.replace(
        b',"Tuesday, 24 November 2026, 11:59 PM",-,', b',"1 May 2026, 10:00",'
    )
    assert b"1 May" in without
    assert sheet(without).facts[0].received is None


def test_times_on_an_unknown_clock_are_told() -> None:
    (content,) = tree("moodle-worksheet", [ADA]).values()
    found = sheet(content, Context())
    assert found.facts[0].received is None
    (note,) = found.notes
    assert note == (
        'times that were not taken: 1: they are on Moodle\'s clock, set timezone = "Europe/Berlin"'
    )
    (note,) = sheet(content.replace(b"November", b"Brumaire")).notes
    assert note.endswith("1: they are written in a way that is not understood")
