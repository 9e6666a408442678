"""Finding a student by what staff calls them."""

from collections.abc import Callable, Collection, Sequence

from autograder.course.counting import Counted

# What a student may be called, the surest first; a part of a name will do where it is one's alone.
WAYS: tuple[Callable[[Counted], Collection[str]], ...] = (
    lambda one: (one.student.id, one.folder),
    lambda one: one.student.ids.values(),
    lambda one: (one.student.email, one.student.name),
)


def find(everybody: Sequence[Counted], name: str) -> list[Counted]:
    """Return the students who are meant by an id, a folder or a name; several when unclear."""
    wanted = name.casefold()
    for names_of in WAYS:
        if found := [c for c in everybody if wanted in {n.casefold() for n in names_of(c)} - {""}]:
            return found
    return [one for one in everybody if wanted in (one.student.name or one.folder).casefold()]
