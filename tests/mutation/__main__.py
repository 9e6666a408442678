"""Grade random mutants for some time, and list where the grader and the oracle disagree.

    python -m tests.mutation --seconds 3600 --seed 0 --json found.json

Ctrl-C ends it with what has been found; with the same ``--json`` it goes on behind the last number
that stands in the file.
"""

import argparse
import json
import os
import signal
import time
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from autograder.host.sandbox import Sandbox
from tests.making.grading import grade_code
from tests.mutation.comparison import Disagreement, compare
from tests.mutation.judges import Judges, Verdict
from tests.mutation.mutants import Mutant, halves, mutant


@dataclass
class Tally:
    """What has been done so far; ``next_seed`` is where to go on."""

    next_seed: int
    graded: int = 0
    right: int = 0  # mutants for which the whole contract holds
    found: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kinds(self) -> Counter[str]:
        return Counter(d["kind"] + ": " + d["what"] for f in self.found for d in f["disagreements"])


class Court:
    """The grader and the oracle, side by side."""

    def __init__(self, sandbox: Sandbox, judges: Judges) -> None:
        self.sandbox, self.judges = sandbox, judges

    def try_(self, files: dict[str, bytes]) -> tuple[dict[str, Verdict], list[Disagreement]]:
        """Return what the oracle says of a submission, and where the grader says otherwise."""
        self.judges.ask(files)
        grade = grade_code(self.sandbox, files)
        verdicts = self.judges.answer()
        return verdicts, compare(verdicts, grade)

    def smallest(
        self, tried: Mutant, verdicts: dict[str, Verdict], found: list[Disagreement]
    ) -> tuple[Mutant, dict[str, Verdict], list[Disagreement]]:
        """Return a mutant of one step that shows one of these disagreements, if there is one."""
        keys = {difference.key for difference in found}
        for half in halves(tried):
            others, differences = self.try_(half.files)
            if keys & {difference.key for difference in differences}:
                return half, others, differences
        return tried, verdicts, found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0, help="the first mutant's number")
    parser.add_argument("--json", type=Path, help="where to note what was found, and to go on")
    options = parser.parse_args()
    tally = read(options.json, options.seed)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also in the background
    try:
        with Sandbox() as sandbox, Judges() as judges:
            run(Court(sandbox, judges), tally, options.seconds, options.json)
    except KeyboardInterrupt:
        print()
    print(f"{tally.graded} mutants, {tally.right} of them right; next seed {tally.next_seed}")
    for kind, count in tally.kinds.most_common():
        print(f"{count:5}  {kind}")
    raise SystemExit(bool(tally.found))


def run(court: Court, tally: Tally, seconds: float, path: Path | None) -> None:
    """Grade mutants until the time is over."""
    sources: set[tuple[tuple[str, bytes], ...]] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        drawn = mutant(tally.next_seed)
        if (source := tuple(sorted(drawn.files.items()))) not in sources:
            sources.add(source)
            verdicts, disagreements = court.try_(drawn.files)
            tally.graded += 1
            tally.right += not any(v.is_fault for v in verdicts.values())
            if disagreements:
                tally.found.append(told(drawn, *court.smallest(drawn, verdicts, disagreements)))
                print(told_briefly(tally.found[-1]), flush=True)
            elif tally.graded % 20 == 0:
                print(f"{tally.graded} mutants, {len(tally.found)} disagree", flush=True)
        tally.next_seed += 1
        if path is not None:
            part = path.with_name(f"{path.name}.part")
            part.write_text(json.dumps(asdict(tally), indent=1))
            part.replace(path)


def read(path: Path | None, seed: int) -> Tally:
    if path is None or not path.exists():
        return Tally(seed)
    return Tally(**json.loads(path.read_text()))


def told(
    drawn: Mutant, shown: Mutant, verdicts: dict[str, Verdict], differences: list[Disagreement]
) -> dict[str, Any]:
    """Return a disagreement as data: where it was found, and its smallest mutant."""
    return {
        "found": drawn.name,
        "steps": shown.steps,
        "diff": shown.diff,
        "faults": {name: f"{v.state}: {v.fault}" for name, v in verdicts.items() if v.is_fault},
        "disagreements": [asdict(difference) for difference in differences],
    }


def told_briefly(found: dict[str, Any]) -> str:
    lines = [f"{found['found']}: {'; '.join(found['steps'])}", found["diff"]]
    lines += [f"  {name} {fault}" for name, fault in found["faults"].items()]
    lines += [f"  {d['kind'].upper()} {d['what']}: {d['text']}" for d in found["disagreements"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
