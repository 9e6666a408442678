"""Paragraphs of the student's own, and those that two reports share."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.making.course import reports
from tools.integrity.boilerplate import boilerplate
from tools.integrity.prints import Passage
from tools.integrity.prose import Place, passages, shared

LANGUAGES = pytest.mark.parametrize("chinese", [False, True], ids=["English", "Chinese"])


def of(text: str) -> list[Passage]:
    return list(passages(text, boilerplate()))


def report(name: str, chinese: bool = False, own: list[str] | None = None) -> list[Passage]:
    words = own or reports.paragraphs(name, is_chinese=chinese)
    return of(reports.report(words, chinese).decode())


def found(*several: list[Passage]) -> list[tuple[int, int]]:
    places = [Place(number, part) for number, own in enumerate(several) for part in own]
    return [(one.one.owner, one.other.owner) for one in shared(places)]


@LANGUAGES
def test_own_paragraphs_are_found_with_their_lines(chinese: bool) -> None:
    own = reports.paragraphs("ada", is_chinese=chinese)
    text = reports.report(own, chinese).decode()
    lines = text.split("\n")
    there = of(text)
    assert [lines[part.line - 1] for part in there] == own
    assert {part.script for part in there} == {"characters" if chinese else "words"}


@LANGUAGES
def test_template_and_handout_are_nobody_s(chinese: bool) -> None:
    assert of(reports.report([], chinese).decode()) == []


def test_what_is_no_prose_is_left_out() -> None:
    own = reports.paragraphs("ada", 6)
    text = f"""# {own[0]}

```
{own[1]}
```

| {own[2]} |

> {own[3]}

<!-- lab3: curves 0123456789ab -->
{own[4]}
<!-- /lab3 -->

{own[5]}
"""
    assert [part.begins[:20] for part in of(text)] == [own[5][:20]]


@LANGUAGES
def test_different_authors_share_nothing(chinese: bool) -> None:
    assert found(*(report(f"student {n}", chinese) for n in range(20))) == []


@LANGUAGES
def test_a_paragraph_that_was_edited_a_little_is_found(chinese: bool) -> None:
    own = reports.paragraphs("ada", is_chinese=chinese)
    edited = own[1][:-12] + reports.paragraphs("bob", 1, chinese)[0][:12]
    mine = [*reports.paragraphs("bob", 3, chinese), edited]
    assert found(report("ada", chinese), report("bob", chinese, mine)) == [(0, 1)]


def test_one_author_is_not_compared_with_themselves() -> None:
    own = report("ada")
    places = [Place(0, part) for part in (*own, *own)]
    assert list(shared(places)) == []


@settings(max_examples=40)
@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert all(part.line >= 1 for part in of(text))
