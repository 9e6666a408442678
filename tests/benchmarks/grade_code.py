"""How long one warm grading of code takes on one core, sandbox included.

The reference solution is graded by every code check, public and hidden.
The worker is warm; the first gradings, in which the reference network is built, don't count.
"""

import os
import statistics
import time

os.environ["OMP_NUM_THREADS"] = "1"

import psutil

from autograder.host.sandbox import Sandbox
from tests.conftest import SOLVED
from tests.making.grading import grade_code
from tools.grades import Progress, prepare

WARMUP, RUNS = 2, 15


def main() -> None:
    """Print the median and the range in seconds."""
    with Progress("") as progress:
        prepare(progress)
    cores = psutil.Process().cpu_affinity()
    psutil.Process().cpu_affinity(cores[:1])  # the worker inherits it
    seconds = []
    with Sandbox() as sandbox:
        sandbox.wait_until_ready()
        for run in range(WARMUP + RUNS):
            # Another text gives another seed, as another student would have.
            files = SOLVED | {"observer.py": SOLVED["observer.py"] + f"# {run}\n".encode()}
            began = time.perf_counter()
            grade = grade_code(sandbox, files, full_size=True)
            seconds.append(time.perf_counter() - began)
            assert grade.earned == grade.points, [r for r in grade.results if r.outcome != "passed"]
    counted = sorted(seconds[WARMUP:])
    print(
        f"{len(grade.results)} code checks, one core: median "
        f"{statistics.median(counted):.2f} s ({counted[0]:.2f} to {counted[-1]:.2f} s, "
        f"{RUNS} gradings)"
    )


if __name__ == "__main__":
    main()
