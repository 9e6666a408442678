"""Gradescope's export."""

from datetime import UTC, datetime

import pytest

from autograder.submissions.lms import gradescope
from autograder.submissions.lms.handed_in import Context, Parsed
from autograder.submissions.lms.kinds import recognised
from autograder.submissions.lms.listing import SourceError
from tests.making.exports import HandedIn, listing_of, tree
from tests.making.exports.listing import contents

TIME = datetime(2026, 12, 1, 20, 0, tzinfo=UTC)
FILES = {"lab3/resnet.py": b"x"}


def parsed(files: dict[str, bytes]) -> Parsed:
    kind, view = recognised(listing_of(files))
    assert kind.name == "gradescope"
    return kind.parse(view, Context())


@pytest.mark.parametrize("variant", [{}, {"symbols": False}, {"wrapper": ""}])
def test_people_times_and_files_are_found(variant: dict[str, object]) -> None:
    ada = HandedIn("", FILES, sid="0012", email="a@x.org", received=TIME)
    (hand_in,) = parsed(tree("gradescope", [ada], **variant)).hand_ins
    (person,) = hand_in.people
    assert person.id == "gradescope:0012"
    assert person.ids == {"gradescope": "0012", "id": "0012", "email": "a@x.org"}
    assert (hand_in.received, contents(hand_in)) == (TIME, FILES)


def test_groups_are_several_people_and_the_anonymous_are_known_by_their_submission() -> None:
    both = HandedIn("", FILES, email="a@x.org", members=(("0013", "Bob"),))
    people = parsed(tree("gradescope", [both])).hand_ins[0].people
    assert [person.id for person in people] == ["gradescope:a@x.org", "gradescope:0013"]
    (hand_in,) = parsed(tree("gradescope", [both], anonymous=True)).hand_ins
    assert [person.id for person in hand_in.people] == ["gradescope:submission_101"]


def test_older_submissions_are_known_without_files() -> None:
    earlier = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
    ada = HandedIn("", FILES, sid="0012", received=TIME, older=(earlier,))
    new, old = parsed(tree("gradescope", [ada])).hand_ins
    assert (new.received, new.is_elsewhere) == (TIME, False)
    assert (old.received, old.is_elsewhere, old.files) == (earlier, True, ())


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2026-12-01 20:00:00.123456789 Z", TIME.replace(microsecond=123456)),
        ("2026-12-01 12:00:00 -08:00", TIME),
        ("'2026-12-01T20:00:00'", TIME),
        ("2026-12-01 20:00:00", TIME),
        ("soon", None),
    ],
)
def test_a_time_is_in_utc_or_says_its_zone(written: str, time: datetime | None) -> None:
    entry = f"submission_1:\n  :submitters:\n  - :sid: '007'\n  :created_at: {written}\n"
    found = parsed({"submission_metadata.yml": f"{entry}submission_2:\n".encode()})
    assert [(h.people[0].id, h.received) for h in found.hand_ins] == [("gradescope:007", time)]


RESULTS = """submission_1:
  :submitters:
  - :sid: '1'
  :results:
    output: "folded

      submission_9: text \\
      :results: more"
    tests:
    - name: |
        :created_at: never
  :created_at: 2026-12-01 20:00:00 Z
  :history:
  - :id: 5
    :results:
      score: 1
    :created_at: 2026-11-01 20:00:00 Z
submission_2:
  :results:
  :submitters:
  - :sid: '2'
"""


def test_results_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    lean = gradescope.without_results(RESULTS.encode())
    assert b"score" not in lean
    assert b"never" not in lean
    found = parsed({"submission_metadata.yml": RESULTS.encode()}).hand_ins
    assert [h.people[0].id for h in found] == ["gradescope:1", "gradescope:1", "gradescope:2"]
    monkeypatch.setattr(gradescope, "without_results", lambda content: content)
    assert parsed({"submission_metadata.yml": RESULTS.encode()}).hand_ins == found


@pytest.mark.parametrize("text", ["[", "a: *b", "- 1", "!!python/object:os.system {}", "[" * 3000])
def test_damaged_metadata_is_told(text: str) -> None:
    with pytest.raises(SourceError, match=r"submission_metadata.yml .*: export it again"):
        parsed({"submission_metadata.yml": text.encode()})


RUBY = b"""--- !ruby/hash:ActiveSupport::HashWithIndifferentAccess
submission_1:
  :submitters: !ruby/array:Submitters
  - !ruby/object:Submitter
    :name: !ruby/string:Name Ada
    :sid: 0899
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2026-11-24 22:59:00 Z
    zone: Europe/Berlin
  :history: 3
submission_2:
  :submitters: none
submission_3:
"""


def test_what_ruby_says_of_its_classes_is_passed_over() -> None:
    ada, other = parsed({"submission_metadata.yml": RUBY}).hand_ins
    assert (ada.people[0].id, ada.people[0].name) == ("gradescope:0899", "Ada")
    assert ada.received == datetime(2026, 11, 24, 22, 59, tzinfo=UTC)
    assert other.people[0].id == "gradescope:submission_2"
