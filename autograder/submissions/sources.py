"""What the source files of a submission import, by their text, read in a process of its own.

Python's parser is made for code that somebody wants to run: a line of a few hundred kilobytes can
take it minutes, and a gigabyte.
"""

import re
from collections.abc import Mapping

from pydantic import TypeAdapter

from autograder.submissions.budgets import Budget, StalledError, UnreadableError, read_within
from autograder.submissions.choosing import LAB
from autograder.submissions.entries import visible
from lab3.imports import ALLOWED, foreign_imports, is_allowed

LISTED = 5  # modules of one file
# Of one file: as large as it may be, it takes 4 s where nothing is made to take long.
BUDGET = Budget(cpu_s=10, memory_bytes=10**9, answer_bytes=10**7, deadline_s=120)
IMPORTS = TypeAdapter(list[tuple[str, int]])  # module and line
WORD = re.compile(rb"\bimport\b")  # in each statement that imports
ALIAS = rb"[\w.]+(?:[ \t]+as[ \t]+\w+)?"
STATEMENT = re.compile(
    rb"[ \t]*(?:from[ \t]+(?P<module>[\w.]+)[ \t]+import\b"
    rb"|import[ \t]+(?P<modules>%b(?:[ \t]*,[ \t]*%b)*)[ \t]*(?:#.*)?$)" % (ALIAS, ALIAS)
)
COOKIE = re.compile(rb"coding[:=]")  # another encoding may spell a statement otherwise


def foreign_modules(files: Mapping[str, bytes], budget: Budget = BUDGET) -> tuple[str, ...]:
    """Say what source files import that is not there when they are graded.

    A file that can't be looked through within its budget is named instead.
    """
    said: list[str] = []
    for name, content in sorted(files.items()):
        if is_ordinary(content):
            continue
        path = f"{LAB}/{name}"
        try:
            said += (
                f"{path}:{line} imports {visible(module)}: this file may import {ALLOWED}"
                for module, line in read_imports(content, budget)
            )
        except (UnreadableError, StalledError) as error:
            said.append(f"{path} {error}")
    return tuple(said)


def is_ordinary(content: bytes) -> bool:
    """Tell, without a parser, that a file imports nothing foreign; False tells nothing."""
    lines = re.split(rb"\r\n|\r|\n", content)
    if any(COOKIE.search(line) for line in lines[:2]):
        return False
    return all(is_harmless(line) for line in lines if WORD.search(line))


def is_harmless(line: bytes) -> bool:
    """Tell whether a line with the word "import" is a comment, or imports what is allowed."""
    if line.lstrip(b" \t").startswith(b"#"):
        return True
    statement = STATEMENT.match(line)
    if statement is None or len(WORD.findall(line)) > 1:
        return False
    if statement["module"]:
        module = statement["module"].decode()
        return not module.startswith(".") and module != "lab3" and is_allowed(module)
    return all(is_allowed(a.split()[0].decode()) for a in statement["modules"].split(b","))


def read_imports(content: bytes, budget: Budget) -> list[tuple[str, int]]:
    """Return the first foreign modules of a file, with their lines; see ``read_within``."""

    def read() -> bytes:
        return IMPORTS.dump_json(foreign_imports(content)[:LISTED])

    return IMPORTS.validate_json(read_within(budget, read))
