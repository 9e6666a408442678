"""Canvas's download."""

import pytest

from autograder.submissions.lms.handed_in import Context, Parsed
from autograder.submissions.lms.kinds import recognised
from tests.making.exports import HandedIn, listing_of, tree
from tests.making.exports.listing import contents


def parsed(*names: str) -> Parsed:
    kind, view = recognised(listing_of({name: name.encode() for name in names}))
    assert kind.name == "canvas"
    return kind.parse(view, Context())


@pytest.mark.parametrize(
    ("name", "number", "late", "file"),
    [
        ("lovelaceada_LATE_4711_98765_lab3.zip", "4711", "LATE", "lab3.zip"),
        ("obrienmaryjane_4711_98765_lab3.tar.gz", "4711", "", "lab3.tar.gz"),
        ("\u738b\u5c0f\u660e_4711_98765_lab3.zip", "4711", "", "lab3.zip"),
        ("lateanna_4711_98765_lab3.zip", "4711", "", "lab3.zip"),
        ("adal2_4711_98765_lab3.zip", "4711", "", "lab3.zip"),
        ("adal_0042_98765_1234_5678_x.zip", "0042", "", "1234_5678_x.zip"),
        ("mary_jane_4711_98765_my file.zip", "4711", "", "my file.zip"),
        ("anon_AbCd1_98765_lab3.zip", "anon_AbCd1", "", "lab3.zip"),
        ("LATE_anon_AbCd1_98765_12_34_x.zip", "anon_AbCd1", "LATE", "12_34_x.zip"),
        ("LATE_4711_98765_lab3.zip", "4711", "LATE", "lab3.zip"),
    ],
)
def test_a_name_is_read_as_canvas_does(name: str, number: str, late: str, file: str) -> None:
    (hand_in,) = parsed(name).hand_ins
    assert hand_in.people[0].id == f"canvas:{number}"
    assert (hand_in.late, list(contents(hand_in))) == (late, [file])


def test_several_files_are_one_attempt() -> None:
    names = ("adal_4711_98765_lab3.zip", "adal_4711_98766_lab3-1.zip", "adal_4711_text.html")
    (hand_in,) = parsed(*names).hand_ins
    assert set(contents(hand_in)) == {"lab3.zip", "lab3-1.zip"}
    assert hand_in.text == "a text"


def test_texts_and_links_alone_are_no_files() -> None:
    text, link, *_ = parsed("a_1_text.html", "b_2_link.html", "c_3_9_lab3.zip").hand_ins
    assert (text.files, text.text, link.files, link.text) == ((), "a text", (), "a link")


def test_a_class_comes_back() -> None:
    people = [HandedIn("1", {"a.zip": b"1"}), HandedIn("2", {"a.zip": b"2"}, is_late=True)]
    kind, view = recognised(
        listing_of({f"submissions/{n}": c for n, c in tree("canvas", people).items()})
    )
    hand_ins = kind.parse(view, Context()).hand_ins
    assert [(h.people[0].id, h.late) for h in hand_ins] == [("canvas:1", ""), ("canvas:2", "LATE")]
