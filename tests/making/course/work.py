"""What students hand in, by the kinds of students that there are, and what it is worth."""

import random
from dataclasses import dataclass, field, replace

from tests.conftest import SOLVED
from tests.hostile.attacks.making import SKELETON, both
from tests.making.exports.hazards import nested, plain_zip, rar
from tests.making.submissions import Files
from tests.mutants.edits import submission
from tests.mutants.right_forward import FORWARD_IDIOMS
from tests.mutants.right_fuse import FUSE_IDIOMS
from tests.mutants.right_scale import SCALE_IDIOMS
from tests.mutants.wrong_forward import FORWARD_FAULTS
from tests.mutants.wrong_fusion import FUSION_FAULTS
from tests.mutants.wrong_observer import OBSERVER_FAULTS

RIGHT = {"the solution": (), **SCALE_IDIOMS, **FORWARD_IDIOMS, **FUSE_IDIOMS}
WRONG = {
    name: wrong
    for name, wrong in {**OBSERVER_FAULTS, **FORWARD_FAULTS, **FUSION_FAULTS}.items()
    if not wrong.hangs and not wrong.unwritten
}
INCOMPLETE = {
    name: wrong
    for name, wrong in {**OBSERVER_FAULTS, **FORWARD_FAULTS, **FUSION_FAULTS}.items()
    if wrong.unwritten
}
HOSTILE = {  # put behind the untouched skeleton: they earn nothing, and harm nobody
    "exits": "import os; os._exit(0)",
    "crashes": "import ctypes; ctypes.string_at(8)",
    "aborts": "import os; os.abort()",
    "kills its parent": "import os\ntry:\n    os.kill(os.getppid(), 9)\nexcept OSError:\n    pass",
    "reads files": "try:\n    print(open('/etc/passwd').read())\nexcept OSError:\n    pass",
    "hides its output": "import os; os.close(1); os.close(2); os._exit(0)",
    "steers the terminal": "print('\\x1b[2J\\x1b]0;title\\x07PASSED\\u202e' * 50)",
}
PHOTO = {"IMG_0001.jpg": bytes(range(256))}
WHOLE = plain_zip({f"lab3/{name}": content for name, content in SOLVED.items()})
BROKEN = {
    "an empty file": b"",
    "a text": b"see my GitHub repository",
    "half an archive": WHOLE[: len(WHOLE) // 2],
    "a photo": plain_zip(PHOTO),
    "archives in archives": nested(PHOTO, 12),
    "a .rar of nothing": rar({}),
}


@dataclass(frozen=True)
class Work:
    """Something handed in: code and perhaps runs, or else ``raw``, which is called lab3.zip.

    ``lost`` are the code checks that it doesn't pass, by outcome, and ``points`` what it earns;
    each is None where nothing is promised.
    """

    title: str
    files: Files = field(default_factory=dict)
    raw: bytes | None = None
    lost: dict[str, str] | None = None
    points: float | None = None


def signed(files: Files, name: str) -> Files:
    """Put the student's name into the code, since nobody else hands in the same."""
    return {
        file: content + f"\n# {name}\n".encode() if file == "observer.py" else content
        for file, content in files.items()
    }


def in_lab(files: Files, runs: Files | None = None) -> Files:
    return {**{f"lab3/{name}": content for name, content in files.items()}, **(runs or {})}


class Students:
    """Makes what students of each kind hand in, one after another, from one seed.

    ``runs`` are files of real runs of the solution, for those who hand some in.
    """

    def __init__(self, seed: int, runs: Files) -> None:
        self._random, self._runs = random.Random(seed), runs
        self._last_right: Work | None = None

    def _one_of(self, choices: dict[str, object]) -> str:
        return self._random.choice(sorted(choices))

    def right(self, student: str, with_runs: bool = False) -> Work:
        name = "the solution" if with_runs else self._one_of({**RIGHT})
        files = in_lab(signed(submission(RIGHT[name]), student), self._runs if with_runs else {})
        work = Work(name, files, lost={}, points=100 if with_runs else 74)
        self._last_right = work
        return work

    def with_runs(self, student: str) -> Work:
        return self.right(student, with_runs=True)

    def mutant(self, student: str) -> Work:
        name = self._one_of({**WRONG})
        wrong = WRONG[name]
        return Work(name, in_lab(signed(submission(wrong.changes), student)), lost=wrong.outcomes)

    def incomplete(self, student: str) -> Work:
        name = self._one_of({**INCOMPLETE})
        wrong = INCOMPLETE[name]
        return Work(name, in_lab(signed(submission(wrong.changes), student)), lost=wrong.outcomes)

    def skeleton(self, student: str) -> Work:
        return Work("the untouched skeleton", in_lab(signed(SKELETON, student)), points=0)

    def hostile(self, student: str) -> Work:
        name = self._one_of({**HOSTILE})
        files = both(name, HOSTILE[name], "skeleton").files
        return Work(name, in_lab(signed(files, student)), points=0)

    def broken(self, _student: str) -> Work:
        name = self._one_of({**BROKEN})
        return Work(name, raw=BROKEN[name], points=0)

    def copy(self, student: str) -> Work:
        """Hand in what somebody else handed in."""
        original = self._last_right or self.right(student)
        return replace(original, title=f"a copy of {original.title}")
