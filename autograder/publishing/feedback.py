"""Feedback pages on their way back, by the names that an LMS knows its students by."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autograder.exports.feedback import Version, feedback
from autograder.grades.storing import Store
from autograder.publishing.awards import Award, Awards
from autograder.publishing.moodle import Participant
from autograder.publishing.writing import Member
from autograder.rubric import Disclosure
from autograder.submissions.lms import canvas

PAGE = "feedback.html"
FORBIDDEN = re.compile(r"[&<>\"`|':\\/\x00-\x1f\x7f]")  # Moodle takes them from names of files
SOMEBODY = "Participant"


@dataclass(frozen=True)
class Pages:
    """Makes the pages of a course, telling of hidden checks what may be told today."""

    store: Store
    disclosure: Disclosure
    awards: Awards

    def of(self, award: Award) -> bytes | None:
        """Return a student's page, None where there is no grade."""
        grade, made = self.store.grade(award.folder), self.store.made(award.folder)
        if grade is None or made is None:
            return None
        version = Version(made.number, made.at, self.store.before(award.folder))
        return feedback(grade, self.disclosure, version, self.awards.sentence(award)).encode()


def for_moodle(participants: Iterable[Participant], pages: Pages) -> Iterator[Member]:
    """Yield the pages of all who have a mark, to be uploaded as feedback files in a zip."""
    for one in participants:
        if one.award.points is not None and (page := pages.of(one.award)):
            yield Member(f"{moodle_name(one)}_{PAGE}", page)


def moodle_name(participant: Participant) -> str:
    """Return how Moodle's own download begins the names of a student's files.

    Moodle reads the number between the first two "_", and skips what begins with "." or "~".
    """
    name = FORBIDDEN.sub("", participant.name.replace("_", " ")).strip().lstrip(".~").strip()
    return f"{name or SOMEBODY}_{participant.number}_assignsubmission_file"


def for_canvas(pages: Pages, unnamed: list[str]) -> Iterator[Member]:
    """Yield the pages of all who have a mark, beside the file that Canvas gave of each.

    ``unnamed`` takes the folders of those of whom no file's name is known.
    """
    for award in pages.awards.all:
        if award.points is None or award.counted is None:
            continue
        name = canvas.name_beside(award.counted.attempt.lms_name, PAGE)
        if not name:
            unnamed.append(award.folder)
        elif page := pages.of(award):
            yield Member(name, page)
