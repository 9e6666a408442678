"""Places that no submission decides about: where grading finds data and where grades go."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from autograder.submissions.entries import visible
from lab3 import STUDENT_FILES
from lab3.errors import LabError

REMEDY = "stand in another folder, or name an absolute one with {}"
LINKS = 40  # on one way, as the kernel follows them
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.gz)$", re.IGNORECASE)
PLAIN = re.compile(r"\w([\w .,=+@()-]{0,78}[\w)])?")


class PlaceError(LabError):
    """A folder or file of the grader lies where a submission could have laid it."""


def settled(path: Path, submission: Path, option: str, what: str = "the submission") -> Path:
    """Return where a path of the grader leads, all links followed.

    Raises PlaceError when the submission has a part in it: when the path leads into it or through
    a link that lies in it, or when it counts from a folder that is somebody's submission.
    """
    require_own_ground(path, option)
    real = Path(os.path.realpath(submission))
    *_, place = steps = list(way(path.absolute()))
    if any(step == real or real in step.parents for step in steps):
        raise PlaceError(
            f"{visible(str(path))} leads into or through {what} "
            f"{visible(str(submission))}: {REMEDY.format(option)}"
        )
    return place


def require_own_ground(path: Path, option: str) -> None:
    """Raise PlaceError for a path that counts from a folder in somebody's submission."""
    here = Path.cwd()
    for folder in () if path.is_absolute() else (here, *here.parents):
        if is_submission(folder):
            raise PlaceError(
                f"{visible(str(path))} counts from the current folder, and "
                f"{visible(str(folder))} is a submission: {REMEDY.format(option)}"
            )


def is_submission(folder: Path) -> bool:
    """Tell whether a folder holds the files that students write."""
    inner = [folder / "lab3" / name for name in STUDENT_FILES]
    return any(os.path.lexists(path) for path in (*inner, *(folder / n for n in STUDENT_FILES)))


def way(path: Path) -> Iterator[Path]:
    """Yield every place on the way of an absolute path, of links their own and what follows."""
    place, links = Path(path.anchor), 0
    left = list(reversed(path.parts[1:]))
    yield place
    while left:
        part = left.pop()
        if part == "..":
            place = place.parent
            continue
        step = place / part
        yield step
        if not step.is_symlink():
            place = step
            continue
        links += 1
        if links > LINKS:
            raise PlaceError(
                f"{visible(str(path))} leads through more than {LINKS} links: name another folder"
            )
        target = step.readlink()
        place = Path(target.anchor) if target.is_absolute() else place
        left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    yield place


def source_of(path: Path) -> str:
    """Return what a grade calls the place of a submission."""
    return os.fsencode(os.path.realpath(path)).decode(errors="backslashreplace")


def own_name(path: Path) -> str:
    """Return the name of a file or folder, also of ``.`` and ``..``."""
    return path.name if path.name not in ("", "..") else Path(os.path.realpath(path)).name


def without_suffix(name: str) -> str:
    """Return an archive's name without what says its kind."""
    return ARCHIVE.sub("", name)


def grade_name(submission: Path) -> str:
    """Return the name of the folder for a submission's grade.

    It is the submission's own where that is plain. Any other, which may look like one of another's
    or mean something to a file system, is made plain and told apart by a hash.
    """
    name = own_name(submission)
    shown = name if submission.is_dir() else without_suffix(name)
    if PLAIN.fullmatch(shown) and unicodedata.normalize("NFKC", visible(shown)) == shown:
        return shown
    plain = re.sub(r"[^A-Za-z0-9]+", "-", shown)[:40].strip("-") or "submission"
    return f"{plain}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"
