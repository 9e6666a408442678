"""Blackboard, Brightspace, nbgrader, clones, and plain folders."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from autograder.submissions.lms.handed_in import Context, Parsed
from autograder.submissions.lms.kinds import KINDS, recognised
from autograder.submissions.lms.listing import SourceError
from tests.making.exports import HandedIn, listing_of, tree
from tests.making.exports.listing import contents

FILES = {"lab3.zip": b"zip"}
CODE = {"lab3/resnet.py": b"x"}
TIME = datetime(2026, 12, 1, 22, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
BERLIN = Context(ZoneInfo("Europe/Berlin"))


def parsed(kind: str, files: dict[str, bytes], context: Context = BERLIN) -> Parsed:
    found, view = recognised(listing_of(files))
    assert found.name == kind
    return found.parse(view, context)


def test_blackboard_tells_attempts_and_times_and_users_with_any_name() -> None:
    later = TIME.replace(day=2)
    people = [
        HandedIn("ada_l", FILES, received=TIME, text="Name: Eve (eve)"),
        HandedIn("ada_l", FILES, received=later),
        HandedIn("s.12", FILES, "Bob (Jr.)", received=TIME),
    ]
    found = parsed("blackboard", tree("blackboard", people, assignment="Lab_3"))
    assert [(h.people[0].id, h.received) for h in found.hand_ins] == [
        ("blackboard:ada_l", TIME),
        ("blackboard:ada_l", later),
        ("blackboard:s.12", TIME),
    ]
    assert found.hand_ins[2].people[0].name == "Bob (Jr.)"
    assert contents(found.hand_ins[0]) == FILES
    without = parsed("blackboard", tree("blackboard", people), Context())
    assert without.hand_ins[0].received is None
    assert "set timezone" in without.notes[0]


def test_brightspace_folders_tell_number_name_and_time() -> None:
    people = [HandedIn("12-34", FILES, "Lee - Ann", received=TIME), HandedIn("56-7", FILES)]
    found = parsed("brightspace", tree("brightspace", people))
    one = found.hand_ins[0]
    assert (one.people[0].id, one.people[0].name) == ("brightspace:12-34", "Lee - Ann")
    assert one.received == TIME.replace(second=0)
    assert found.left == ()


def test_nbgrader_has_times_and_possibly_several_assignments() -> None:
    people = [HandedIn("0012(a)", CODE, received=TIME), HandedIn("[b].+", CODE)]
    found = parsed(
        "nbgrader", {**tree("nbgrader", people), "source/lab3/a.ipynb": b"", "mine": b""}
    )
    assert [h.people[0].id for h in found.hand_ins] == ["0012(a)", "[b].+"]
    assert found.hand_ins[0].received == TIME
    assert contents(found.hand_ins[0]) == CODE
    assert found.left == ("mine",)
    two = tree("nbgrader", people, others=("lab2",), top="")
    with pytest.raises(
        SourceError, match="several assignments, lab2, lab3: name one with --assign"
    ):
        parsed("nbgrader", two)
    assert len(parsed("nbgrader", two, Context(assignment="lab3")).hand_ins) == 2
    with pytest.raises(SourceError, match="--assignment lab4: there are lab2, lab3"):
        parsed("nbgrader", two, Context(assignment="lab4"))


def test_nbgraders_times_without_a_zone_are_in_utc_as_it_reads_them() -> None:
    behind = {"ada": "", "bob": " CET", "cy": " UTC", "dan": " +0800"}
    times = {
        f"submitted/{who}/lab3/timestamp.txt": f"2026-11-24 23:59:00.000000{zone}".encode()
        for who, zone in behind.items()
    }
    hours = [h.received and h.received.hour for h in parsed("nbgrader", times).hand_ins]
    assert hours == [23, 22, 23, 15]


def test_clones_are_the_users_of_the_table_and_its_times_are_githubs() -> None:
    people = [
        HandedIn("octo-cat", CODE, sid="0012", received=TIME.astimezone(UTC)),
        HandedIn("red", CODE, name="Red", members=(("eve", ""),)),
    ]
    found = parsed("classroom", tree("classroom", people, slug="lab-3", with_table=True))
    one, group = found.hand_ins
    assert (one.people[0].id, one.people[0].ids["id"]) == ("github:octo-cat", "0012")
    assert (one.received, group.received) == (TIME, None)
    assert [p.id for p in group.people] == ["github:red", "github:eve"]
    assert "student's own clock" in found.notes[0]
    facts = parsed_table(tree("classroom-grades", people, slug="lab-3")).facts
    again = parsed("classroom", tree("classroom", people, slug="lab-3"), Context(facts=facts))
    assert again.hand_ins == found.hand_ins
    alone = parsed("classroom", tree("classroom", people, slug="lab-3"))
    assert [h.people[0].id for h in alone.hand_ins] == ["github:octo-cat", "github:red"]


def parsed_table(files: dict[str, bytes]) -> Parsed:
    (content,) = files.values()
    kind, view = recognised(listing_of({"g.csv": content}, "g.csv", is_archive=False))
    assert kind.name == "classroom-grades"
    return kind.parse(view, Context())


def test_classroom_50_names_its_users() -> None:
    people = [HandedIn("a-b", CODE), HandedIn("b", CODE)]
    found = parsed("classroom50", tree("classroom50", people))
    assert [h.people[0].id for h in found.hand_ins] == ["github:a-b", "github:b"]
    assert "student's own clock" in found.notes[0]
    files = {**tree("classroom50", people), "results.json": b"{"}
    with pytest.raises(SourceError, match=r"results.json is damaged: fetch it again"):
        parsed("classroom50", files)


@pytest.mark.parametrize("archives", [False, True])
def test_folders_and_archives_are_named_by_ids(archives: bool) -> None:
    files = FILES if archives else CODE
    people = [HandedIn("0012345", files), HandedIn("a (1)[2].x", files), HandedIn("x y", files)]
    found = parsed("folders", {**tree("folders", people, archives=archives), "n.txt": b""})
    assert [h.people[0].id for h in found.hand_ins] == ["0012345", "a (1)[2].x", "x y"]
    assert found.left == ("n.txt",)
    named = {f"{one.id}.zip": b"zip" for one in people} if archives else CODE
    for number, hand_in in enumerate(found.hand_ins):
        own = dict([list(named.items())[number]]) if archives else CODE
        assert contents(hand_in) == own


def test_no_folder_passes_for_somebody_of_an_lms() -> None:
    names = ["moodle:7", "course:moodle:7", "moodle-7", "moodle", "7"]
    found = parsed("folders", tree("folders", [HandedIn(name, CODE) for name in names]))
    ids = [hand_in.people[0].id for hand_in in found.hand_ins]
    assert ids == ["course:moodle:7", "course:course:moodle:7", *names[2:]]


def test_two_spellings_of_one_name_are_one_student() -> None:
    both = {"\u00e9/lab3/resnet.py": b"1", "e\u0301/lab3/observer.py": b"2"}
    (hand_in,) = parsed("folders", both).hand_ins
    assert hand_in.people[0].id == "\u00e9"
    assert len(hand_in.files) == 2


def test_what_is_unknown_or_unclear_lists_what_was_looked_for() -> None:
    with pytest.raises(SourceError) as caught:
        recognised(listing_of({"a.txt": b"", "b.txt": b""}))
    text = str(caught.value)
    assert "is of no known kind: say which with --from KIND. Looked for:" in text
    assert all(kind.name in text and kind.looked_for in text for kind in KINDS.values())
    both = {**tree("moodle", [HandedIn("7", FILES)]), **tree("canvas", [HandedIn("8", FILES)])}
    with pytest.raises(SourceError, match="may be of moodle or canvas: say which"):
        recognised(listing_of(both))
    assert recognised(listing_of(both), "canvas")[0].name == "canvas"
    with pytest.raises(
        SourceError, match="holds nothing of gradescope: looked for submission_meta"
    ):
        recognised(listing_of(both), "gradescope")


@pytest.mark.parametrize("start", ["", "ada/", "ada/work/"])
def test_one_submission_is_no_class(start: str) -> None:
    listing = listing_of({f"{start}{name}": content for name, content in CODE.items()})
    with pytest.raises(SourceError, match="one student's submission: grade it with lab3 grade"):
        recognised(listing)
    if start:
        assert recognised(listing, "folders")[0].name == "folders"


def test_a_few_odd_names_hide_no_kind() -> None:
    people = [HandedIn(str(number), FILES, f"P {number}") for number in range(20)]
    files = tree("folders", people, archives=True) | {"A_1_2_x.zip": b""}
    assert recognised(listing_of(files))[0].name == "folders"
