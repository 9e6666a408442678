"""What a submission may import, by the text of its files alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab3.imports import GIVEN, foreign_imports
from tests.conftest import ROOT, SOLVED


def test_the_list_is_that_of_the_given_modules() -> None:
    folder = ROOT / "assignment" / "lab3"
    files = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    assert set(GIVEN) == files - {"__init__"}


@pytest.mark.parametrize("name", SOLVED)
def test_the_solution_imports_nothing_else(name: str) -> None:
    assert foreign_imports(SOLVED[name]) == []


@pytest.mark.parametrize(
    ("source", "foreign"),
    [
        (b"import scipy.special as s", [("scipy.special", 1)]),
        (b"\n\nfrom matplotlib import pyplot", [("matplotlib", 3)]),
        (b"from lab3.helpers import a", [("lab3.helpers", 1)]),
        (b"from lab3 import helpers, qconfig", [("lab3.helpers", 1)]),
        (b"from . import helpers", [("lab3.helpers", 1)]),
        (b"from .helpers import a", [("lab3.helpers", 1)]),
        (b"def f():\n    import pandas\n    import pandas", [("pandas", 2)]),
        (b"import torch.nn, torchvision, numpy as np, math, lab3", []),
        (b"from lab3.qconfig import CustomQConfig\nfrom . import STUDENT_FILES", []),
        (b"if TYPE_CHECKING:\n    import pandas", []),
        (b"if typing.TYPE_CHECKING:\n    import pandas\nelse:\n    import scipy", [("scipy", 4)]),
        (b"if DEBUG:\n    import pandas", [("pandas", 2)]),
        (b"import (", []),
        (b"\xff\xfe", []),
        (b"import os\n" * 20_000, []),
    ],
)
def test_what_is_foreign(source: bytes, foreign: list[tuple[str, int]]) -> None:
    assert foreign_imports(source) == foreign


@given(st.binary(max_size=200))
def test_any_bytes_are_read(source: bytes) -> None:
    foreign_imports(source)
