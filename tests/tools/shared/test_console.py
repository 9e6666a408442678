"""What reaches the terminal: nothing that others wrote steers it, and JSON stays JSON."""

import io
import json

import pytest

from tools.shared import console
from tools.shared.console import Bar, HarmlessConsole

NAME = "Eve [/red] [link=x]\x1b[2J\x9b31m \u202e \u738b"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_json_says_the_same_and_steers_nothing(is_terminal: bool) -> None:
    file = io.StringIO()
    shown = HarmlessConsole(file=file, force_terminal=is_terminal, color_system=None)
    shown.print_json(json.dumps({"name": NAME, "half": "\ud800", "long": "x" * 500}))
    text = file.getvalue()
    assert json.loads(text) == {"name": NAME, "half": "\ud800", "long": "x" * 500}
    assert "\u738b" in text
    assert text.replace("\n", "").isprintable()


def test_a_name_beside_a_bar_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    terminal = HarmlessConsole(file=file, force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(console, "err", terminal)
    with Bar("[/]", 2) as bar:
        bar.move_to(1, NAME)
        bar.progress.refresh()
    assert "Eve [/red] [link=x]\\x1b[2J\\x9b31m" in file.getvalue()
