"""Names that students choose, of files and of themselves, against every kind of export.

The samples are spelled out, not generated: a generator would share what a parser assumes.
"""

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.submissions.lms.handed_in import Context, Parsed
from autograder.submissions.lms.kinds import KINDS, recognised
from autograder.submissions.lms.listing import SourceError
from autograder.submissions.lms.times import ZoneInfo
from tests.making.exports import listing_of
from tests.making.exports.listing import contents

UTC = Context(ZoneInfo("UTC"))


def parsed(kind: str, *names: str, source: str = "export.zip", **texts: bytes) -> Parsed:
    """Parse a source of empty files; ``texts`` are those that have a content, by their stems."""
    files = {name: texts.get(name.rpartition("/")[2].split(".")[0], b"") for name in names}
    found, view = recognised(listing_of(files, source))
    assert found.name == kind
    return found.parse(view, UTC)


def owners(found: Parsed) -> dict[str, list[str]]:
    """The files of each person."""
    files: dict[str, list[str]] = {}
    for hand_in in found.hand_ins:
        files.setdefault(hand_in.people[0].id, []).extend(contents(hand_in))
    return files


def test_in_moodle_a_file_is_its_folders_whatever_it_is_called() -> None:
    flat = (
        "Eve_9_assignsubmission_file_Bob_8_assignsubmission_file_lab3.zip",
        "Eve_9_assignsubmission_file_a_attempt_2026-11-24-23-59-00_x.zip",
        "Bob_8_assignsubmission_file_lab3.zip",
    )
    assert owners(parsed("moodle", *flat)) == {
        "moodle:9": [
            "Bob_8_assignsubmission_file_lab3.zip",
            "a_attempt_2026-11-24-23-59-00_x.zip",
        ],
        "moodle:8": ["lab3.zip"],
    }
    folders = (
        "Eve_9_assignsubmission_file/lab3/timestamp.txt",
        "Eve_9_assignsubmission_file/submission_metadata.yml",
        "Bob_8_assignsubmission_file/lab3.zip",
    )
    assert owners(parsed("moodle", *folders))["moodle:8"] == ["lab3.zip"]


def test_in_blackboard_the_first_attempt_in_a_name_is_blackboards() -> None:
    found = parsed(
        "blackboard",
        "Lab 3_eve_attempt_2026-11-25-10-00-00_x_bob_attempt_2026-11-24-23-59-00_lab3.zip",
        "Lab 3_eve_attempt_2026-11-25-10-00-00_bob_attempt_2026-11-24-23-59-00.txt",
        "Lab 3_bob_attempt_2026-11-24-22-00-00_lab3.zip",
    )
    assert owners(found) == {
        "blackboard:eve": [
            "x_bob_attempt_2026-11-24-23-59-00_lab3.zip",
            "bob_attempt_2026-11-24-23-59-00.txt",
        ],
        "blackboard:bob": ["lab3.zip"],
    }


def test_in_canvas_nobody_is_named_into_anothers_work() -> None:
    found = parsed("canvas", "bob_4711_555_lab3.zip", "eve_4711_9_98765_lab3.zip")
    assert owners(found) == {"canvas:4711": ["lab3.zip"]}
    assert found.left == ("eve_4711_9_98765_lab3.zip",)
    both = ("bob_4711_555_1_lab3.zip", "eve_4711_9_98765_lab3.zip", "zoe_1_2_a.zip")
    assert owners(parsed("canvas", *both)) == {"canvas:1": ["a.zip"]}
    assert parsed("canvas", *both).left == both[:2]
    alone = parsed("canvas", "eve_4711_9_text.html", "zoe_1_2_a.zip")
    assert alone.notes == (
        "eve_4711_9_text.html is that of 4711, or of somebody whose name ends in _4711: look",
    )
    named = parsed("canvas", "anon_abc_9_98765_lab3.zip", "bob_4711_555_lab3.zip", "zoe_1_2_a.zip")
    assert set(owners(named)) == {"canvas:9", "canvas:4711", "canvas:1"}


GRADESCOPE = b"""---
submission_1:
  :submitters:
  - :name: Bob
    :sid: '8'
    :email: bob@x.org
  :created_at: 2026-11-24 20:00:00.123456789 Z
submission_2:
  :submitters:
  - :name: Eve
    :sid: '8'
    :email: eve@x.org
  :created_at: 2026-11-24 21:00:00.123456789 Z
"""


def test_in_gradescope_one_id_of_two_addresses_is_nobodys() -> None:
    names = ("submission_metadata.yml", "submission_1/b.zip", "submission_2/e.zip")
    found = parsed("gradescope", *names, submission_metadata=GRADESCOPE)
    assert owners(found) == {"gradescope:bob@x.org": ["b.zip"], "gradescope:eve@x.org": ["e.zip"]}
    assert all("id" not in hand_in.people[0].ids for hand_in in found.hand_ins)
    assert found.notes == ("several addresses have the id 8: they are told apart",)


@pytest.mark.parametrize(
    "names",
    [
        ("eve/submission_metadata.yml", "eve/submission_1/lab3/resnet.py"),
        ("eve/Bob_8_assignsubmission_file/lab3.zip",),
        ("eve/Lab 3_bob_attempt_2026-11-24-23-59-00_lab3.zip",),
        ("eve/bob/lab3/timestamp.txt",),
    ],
)
def test_the_only_student_does_not_decide_what_a_class_is(names: tuple[str, ...]) -> None:
    listing = listing_of(dict.fromkeys(names, GRADESCOPE), "late", is_archive=False)
    with pytest.raises(SourceError, match="or folders: say which with --from KIND"):
        recognised(listing)
    kind, view = recognised(listing, "folders")
    assert [h.people[0].id for h in kind.parse(view, UTC).hand_ins] == ["eve"]


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("CS101-Lab3-4711.zip", "CS101-Lab3-4711"),
        ("CS101-Lab3-4711 (2).zip", "CS101-Lab3-4711"),
        ("x.zip", "assignment_123_export"),
        ("x.zip", "Lab 3 submissions"),
    ],
)
def test_folders_that_programs_put_around_are_looked_into(source: str, folder: str) -> None:
    parsed("moodle", f"{folder}/Bob_8_assignsubmission_file/lab3.zip", source=source)


def test_one_clone_makes_no_classroom_of_the_others() -> None:
    clones = [f"{who}/.git/HEAD" for who in ("ada", "bob", "eve")]
    assert set(owners(parsed("folders", *clones, "eve/.classroom50.yaml"))) == {"ada", "bob", "eve"}


def test_a_users_name_takes_no_repository_of_anothers() -> None:
    names = [f"cs-lab3-{user}/.git/HEAD" for user in ("ada", "bob", "lab3-bob")]
    marks = [name.replace(".git/HEAD", ".classroom50.yaml") for name in names]
    scores = b"username,score\nada,0\nbob,0\nlab3-bob,0\n"
    found = parsed("classroom50", *names, *marks, "scores.csv", scores=scores)
    assert list(owners(found)) == ["github:ada", "github:bob", "github:lab3-bob"]


SHEET = (
    "Identifier,Full name,ID number,Email address,Status,Grade,Maximum grade,"
    "Grade can be changed,Last modified (submission),Online text,Last modified (grade)\n"
)


def sheet(*rows: str) -> Parsed:
    content = (SHEET + "".join(rows)).encode()
    kind, view = recognised(listing_of({"g.csv": content}, "g.csv", is_archive=False))
    assert kind is KINDS["moodle-worksheet"]
    return kind.parse(view, UTC)


def test_in_a_worksheet_no_name_passes_for_an_address_and_no_text_is_too_long() -> None:
    text = "x" * 200_000
    found = sheet(
        f"Participant 9,bob@x.org,0013,eve@x.org,S,,100,Yes,-,{text},-\n",
        "Participant 8,Bob,0012,bob@x.org,S,,100,Yes,-,a@b.c,-\n",
        "Participant 7,Ada,0011,,S,,100,Yes,-,,-\n",
        ",,,,,,,,,,\n",
    )
    assert [fact.ids for fact in found.facts] == [
        {"email": "eve@x.org", "id": "0013"},
        {"email": "bob@x.org", "id": "0012"},
        {"id": "0011"},
    ]


PIECES = (
    "Eve _ 9 8 _assignsubmission_file _assignsubmission_onlinetext _attempt_ 2026-11-24-23-59-00 "
    "LATE anon_a text.html link.html .zip / \\ .. submission_metadata.yml submitted lab3 "
    "timestamp.txt .git x.csv .classroom50.yaml results.json scores.csv index.html -submissions "
    "\u202e \x1b[2J \u00e9 resnet.py __MACOSX"
).split()
NAMES = st.lists(st.sampled_from([*PIECES, " - ", "Nov 24, 2026 1159 PM"]), max_size=7).map("".join)
CONTENTS = (
    b"",
    b"{",
    b'{"owner": "\\ud800"}',
    b"github_username,student_repository_name\neve,Eve\n",
    b"submission_1:\n  :submitters:\n  - 3\n  :created_at: x\n",
    b"? [a, b]\n: {:history: [{:created_at: 2026-01-01}]}\n",
    b"2026-11-24 23:59:00 XX",
)


@settings(max_examples=60)
@given(
    files=st.dictionaries(NAMES, st.sampled_from(CONTENTS), max_size=6),
    kind=st.sampled_from([None, *KINDS]),
    is_archive=st.booleans(),
)
@example({".zip": b""}, None, False)
def test_no_name_or_content_is_a_fault_of_ours(
    files: dict[str, bytes], kind: str | None, is_archive: bool
) -> None:
    with suppress(SourceError):
        found, view = recognised(listing_of(files, "source", is_archive), kind)
        for hand_in in found.parse(view, UTC).hand_ins:
            assert hand_in.people
            assert all(person.id.encode() for person in hand_in.people)
