"""Source files that are made to take long, or to say much, where their imports are looked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.submissions import sources
from autograder.submissions.budgets import Budget
from autograder.submissions.sources import foreign_modules, is_ordinary
from lab3.imports import foreign_imports
from tests.conftest import SOLVED
from tests.making.alarms import forever

LARGEST = 1_000_000  # bytes of a source file
SHORT = Budget(cpu_s=1, memory_bytes=3 * 10**8, answer_bytes=10**7, deadline_s=60)
# Each takes Python's parser of some version minutes or hundreds of megabytes, or its whole stack.
MADE_TO_TAKE_LONG = {
    "braces in one string": b"x = f'" + b"{a}" * 300_000 + b"'\n",
    "many strings": b"x = " + b"f'{a}'" * 160_000 + b"\n",
    "many statements": b"a;" * 490_000,
    "one line of names": b"a," * 490_000,
    "attributes": b"a" + b".b" * 490_000,
    "calls": b"a" + b"()" * 490_000,
    "signs": b"x = " + b"-" * 990_000 + b"1",
    "brackets": b"[" * 990_000,
    "blocks": b"".join(b" " * n + b"if 1:\n" for n in range(1200)),
    "half-open calls": b"f(a=" * 200 + b"!",
    "digits": b"x = " + b"9" * 990_000,
    "decorators": b"@a\n" * 320_000 + b"def f(): pass\n",
    "zeros": b"\0" * 990_000,
}


@pytest.mark.parametrize("name", MADE_TO_TAKE_LONG)
def test_a_file_made_to_take_long_costs_a_sentence(name: str) -> None:
    content = MADE_TO_TAKE_LONG[name]
    assert len(content) <= LARGEST
    said = foreign_modules({"resnet.py": content, "observer.py": b"import pandas"}, SHORT)
    assert said[0].startswith("lab3/observer.py:1 imports pandas: ")
    assert all("lab3/resnet.py takes more than " in text for text in said[1:])
    assert len(said) <= 2


def test_what_uses_up_its_budget_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "foreign_imports", lambda _: forever())
    assert foreign_modules({"resnet.py": b"import pandas"}, SHORT) == (
        "lab3/resnet.py takes more than 1 s of CPU time to read",
    )


@pytest.mark.parametrize(
    "content",
    [
        b"import " + b"a" * 900_000,
        b"".join(b"import a%d\n" % n for n in range(60_000)),
    ],
    ids=["a long name", "many modules"],
)
def test_what_is_said_of_imports_is_short(content: bytes) -> None:
    said = foreign_modules({"observer.py": content})
    assert 1 <= len(said) <= sources.LISTED
    assert all(text.isprintable() and len(text) < 400 for text in said)


def test_a_grade_tells_of_foreign_modules_as_before() -> None:
    assert foreign_modules(SOLVED) == ()
    files = {**SOLVED, "resnet.py": b"\n\nimport scipy.special\n"}
    (said,) = foreign_modules(files)
    assert said.startswith("lab3/resnet.py:3 imports scipy.special: this file may import Python's")


PIECES = [
    *("import", "from", "as", "torch", "numpy", "pandas", "lab3", "lab3.data", "os.path", "x"),
    *(" ", " ", " ", "\n", "\r", "\f", ",", ", ", ";", "; ", "#", "\\\n", "(", ")", '"', "."),
    *('"""', "if 1:", "\ufeff", "# coding: utf-7\n", "+AGkAbQBwAG8AcgB0- pandas", "\x0b", "é"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_what_needs_no_parser_imports_nothing_foreign(text: str) -> None:
    content = text.encode()
    if is_ordinary(content):
        assert foreign_imports(content) == []


@pytest.mark.parametrize(
    "content",
    [
        SOLVED["resnet.py"],
        SOLVED["observer.py"],
        b"import torch as t, numpy\nfrom lab3.data import load  # what it imports\n",
    ],
)
def test_ordinary_files_need_no_parser(content: bytes) -> None:
    assert is_ordinary(content)
