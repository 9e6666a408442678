"""An autograder for Gradescope that has all results in it, and gives each submission its own."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

from autograder.exports.gradescope import gradescope
from autograder.grades.storing import Store
from autograder.messages import visible
from autograder.publishing.awards import Award, Awards
from autograder.publishing.numbers import plain
from autograder.publishing.writing import Member
from autograder.rubric import Disclosure

RUNNER = Path(__file__).with_name("run_autograder")
SETUP = "#!/bin/sh\ncommand -v python3 || (apt-get update && apt-get install -y python3)\n"
SUBMISSION = "submission_"  # begins the name of an anonymous one


def archive(awards: Awards, store: Store, disclosure: Disclosure) -> Iterator[Member]:
    """Yield the files of the archive; what tells whose result is whose comes last."""
    yield Member("setup.sh", SETUP.encode(), is_executable=True)
    yield Member("run_autograder", RUNNER.read_bytes(), is_executable=True)
    index: list[dict[str, Any]] = []
    for number, award in enumerate(awards.given):
        if (entry := entry_of(award)) is None or (grade := store.grade(award.folder)) is None:
            continue
        document = json.loads(gradescope(visible(grade, disclosure)))
        file = f"results/{number:05}.json"
        yield Member(file, text_of(with_mark(document, award, awards)))
        index.append({"file": file, **entry})
    yield Member("results/index.json", text_of(index))


def unknown(awards: Iterable[Award]) -> list[Award]:
    """Return those whom Gradescope could not be told."""
    return [award for award in awards if entry_of(award) is None]


def entry_of(award: Award) -> dict[str, Any] | None:
    """Return by what the runner knows a submission: address, number, and when it came."""
    ids = award.student.ids
    number = ids.get("gradescope", "")
    emails = {award.student.email, ids.get("email", ""), number if "@" in number else ""} - {""}
    is_anonymous = number.startswith(SUBMISSION)
    if (not emails and not is_anonymous) or award.counted is None:
        return None
    received = award.counted.attempt.received
    return {
        "emails": sorted(email.casefold() for email in emails),
        "submission": number.removeprefix(SUBMISSION) if is_anonymous else "",
        "received": received and received.astimezone(UTC).isoformat(timespec="seconds"),
    }


def with_mark(document: dict[str, Any], award: Award, awards: Awards) -> dict[str, Any]:
    """Return a result whose score is the mark, which it explains where it is another one."""
    mark = award.mark
    assert mark is not None
    assert award.points is not None
    lines = [str(document["output"])]
    if plain(award.points) != plain(mark):
        lost = plain(100 * award.lost)
        lines.append(f"{plain(award.points)} points, less {lost} % for lateness: {plain(mark)}")
    if document["score"] != float(award.points):
        lines.append(f"points for {awards.what}, of {plain(awards.total)}")
    return {**document, "score": float(mark), "output": "\n".join(lines)}


def text_of(document: object) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()
