"""What students hand in, by the kinds of students that there are, and what it is worth."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.conftest import SOLVED
from tests.hostile.attacks.making import SKELETON, both
from tests.making.course import copies, reports
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
    each is None where nothing is promised. ``copied_from`` is the student whose work is in it.
    """

    title: str
    files: Files = field(default_factory=dict)
    raw: bytes | None = None
    lost: dict[str, str] | None = None
    points: float | None = None
    copied_from: str = ""


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

    ``runs`` are files of real runs of the solution, for those who hand some in. They have the same
    seed, so they are the same for all but what a clock measured.
    """

    def __init__(self, seed: int, runs: Files) -> None:
        self._random, self._runs = random.Random(seed), runs
        self._last_right: tuple[str, Work] | None = None
        self._last_runs: tuple[str, Work] | None = None
        self._last_seed: tuple[str, Work] | None = None

    def _one_of(self, choices: dict[str, object]) -> str:
        return self._random.choice(sorted(choices))

    def right(self, student: str, with_runs: bool = False) -> Work:
        name = "the solution" if with_runs else self._one_of({**RIGHT})
        code = in_lab(signed(submission(RIGHT[name]), student))
        runs = copies.own_runs(self._runs, code, student) if with_runs else {}
        work = Work(name, {**code, **runs}, lost={}, points=100 if with_runs else 74)
        self._last_right = student, work
        if with_runs:
            self._last_runs = student, work
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
        if self._last_right is None:
            self.right(student)
        assert self._last_right is not None
        owner, original = self._last_right
        return replace(original, title=f"a copy of {original.title}", copied_from=owner)

    def own_seed(self, student: str) -> Work:
        """Hand in runs of a seed that nobody else has."""
        code = in_lab(signed(submission(RIGHT["the solution"]), student))
        seed = 100 + int(student.split()[1])
        runs = copies.own_runs(copies.other_network(self._runs, seed), code, student, seed)
        work = Work("another seed", {**code, **runs}, lost={})
        self._last_seed = student, work
        return work

    def exact(self, student: str) -> Work:
        """Hand in all that somebody else handed in, with its runs."""
        if self._last_runs is None:
            self.with_runs(student)
        assert self._last_runs is not None
        owner, original = self._last_runs
        return replace(original, title="an exact copy", copied_from=owner)

    def resaved(self, student: str) -> Work:
        return self._taken(student, "weights saved anew, another seed claimed", copies.resaved, 11)

    def perturbed(self, student: str) -> Work:
        return self._taken(
            student, "weights with noise, another seed claimed", copies.perturbed, 12
        )

    def renamed(self, student: str) -> Work:
        return self._taken(student, "runs renamed, logs copied", copies.renamed, None)

    def pretended(self, student: str) -> Work:
        """Hand in the runs that everybody has by the same seed, with another one in the log."""
        code = in_lab(signed(submission(RIGHT["the solution"]), student))
        runs = copies.own_runs(self._runs, code, student, seed=13)
        return Work("the class's runs, another seed claimed", {**code, **runs}, lost={})

    def report(self, student: str, is_chinese: bool = False) -> Work:
        """Hand in a report in words of one's own."""
        own = reports.paragraphs(student, is_chinese=is_chinese)
        return self._with_report(student, own, is_chinese)

    def chinese_report(self, student: str) -> Work:
        return self.report(student, is_chinese=True)

    def prose(self, student: str) -> Work:
        """Hand in a report half of which is that of the last student who wrote one."""
        owner, words, is_chinese = self._last_report
        own = reports.paragraphs(student, is_chinese=is_chinese)
        work = self._with_report(student, [own[0], words[1], words[2], own[3]], is_chinese)
        return replace(work, title="paragraphs of another's report", copied_from=owner)

    def _with_report(self, student: str, own: list[str], is_chinese: bool) -> Work:
        self._last_report = student, own, is_chinese
        code = in_lab(signed(submission(RIGHT["the solution"]), student))
        files = {**code, "report.md": reports.report(own, is_chinese)}
        return Work("a report", files, lost={}, points=74)

    def _taken(
        self, student: str, title: str, change: Callable[[Files], Files], seed: int | None
    ) -> Work:
        """Hand in own code with another's runs, changed; a ``seed`` is claimed, with times."""
        if self._last_seed is None:
            self.own_seed(student)
        assert self._last_seed is not None
        owner, original = self._last_seed
        code = in_lab(signed(submission(RIGHT["the solution"]), student))
        runs = change({n: c for n, c in original.files.items() if n.startswith("runs/")})
        if seed is not None:
            runs = copies.own_runs(runs, code, student, seed)
        return Work(title, {**code, **runs}, lost={}, copied_from=owner)
