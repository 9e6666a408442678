"""How one submission differs from the solution: a list of changes to its two files."""

import re
from collections.abc import Callable
from textwrap import dedent, indent

from tests.conftest import SOLVED

Files = dict[str, bytes]
Change = Callable[[Files], None]  # changes the files in place

OBSERVER, RESNET = "observer.py", "resnet.py"

# The functions that students write: their file, and which of its marked bodies is theirs.
SCALE = (OBSERVER, 0)
BLOCK, ADD, FUSE_BLOCK, NETWORK, FUSE_NETWORK = ((RESNET, index) for index in range(5))
Function = tuple[str, int]

MARKED = re.compile(r"        ### BEGIN SOLUTION part \d\n(.*?)        ### END SOLUTION\n", re.S)


def body(function: Function, new: str) -> Change:
    """Write another body for one function; lines count from its own margin."""

    def change(files: Files) -> None:
        exchange(files, function, indent(dedent(new).strip("\n"), 8 * " ") + "\n")

    return change


def inside(function: Function, old: str, new: str) -> Change:
    """Replace a piece of one function's body, which has it once."""

    def change(files: Files) -> None:
        before = found(files, function)[1]
        assert before.count(old) == 1, f"{function} has {old!r} {before.count(old)} times"
        exchange(files, function, before.replace(old, new))

    return change


def first(function: Function, lines: str) -> Change:
    """Put lines at the beginning of one function's body."""
    return surrounded(function, lines, "")


def last(function: Function, lines: str) -> Change:
    """Put lines at the end of one function's body, where they may never be reached."""
    return surrounded(function, "", lines)


def surrounded(function: Function, before: str, after: str) -> Change:
    def change(files: Files) -> None:
        around = [indent(dedent(lines).strip("\n"), 8 * " ") for lines in (before, after)]
        now = found(files, function)[1].rstrip("\n")
        exchange(files, function, "\n".join(filter(None, [around[0], now, around[1]])) + "\n")

    return change


def text(file: str, old: str, new: str) -> Change:
    """Replace a piece of a file, wherever it has it."""

    def change(files: Files) -> None:
        assert old.encode() in files[file], f"{file} has no {old!r}"
        files[file] = files[file].replace(old.encode(), new.encode())

    return change


def recoded(file: str, recode: Callable[[bytes], bytes]) -> Change:
    """Write a file's bytes in another way."""

    def change(files: Files) -> None:
        before = files[file]
        files[file] = recode(before)
        assert files[file] != before

    return change


def removed(file: str) -> Change:
    """Leave a file out."""

    def change(files: Files) -> None:
        del files[file]

    return change


def below(file: str, lines: str) -> Change:
    """Put module-level code below the imports of a file."""
    new = f"\n\n{dedent(lines).strip()}\n\n\nclass ".encode()
    return recoded(file, lambda content: content.replace(b"\n\n\nclass ", new, 1))


def above(file: str, lines: str) -> Change:
    """Put lines at the very top of a file."""
    return recoded(file, lambda content: dedent(lines).lstrip("\n").encode() + content)


def found(files: Files, function: Function) -> tuple[re.Match[str], str]:
    file, index = function
    match = list(MARKED.finditer(files[file].decode()))[index]
    return match, match[1]


def exchange(files: Files, function: Function, new: str) -> None:
    """Put a new body between a function's markers."""
    file = function[0]
    match, _ = found(files, function)
    source = files[file].decode()
    files[file] = (source[: match.start(1)] + new + source[match.end(1) :]).encode()


def submission(changes: tuple[Change, ...]) -> Files:
    """Return the solution's files with all changes made, the markers still around the bodies."""
    files = dict(SOLVED)
    for change in changes:
        change(files)
    return files
