"""Write a class to try everything on.

Examples:

    python -m tests.making.course --students 200 --to /tmp/class

    python -m tests.making.course --students 12 --to /tmp/class --lms moodle --runs build/demo

Then, in that folder: ``lab3 collect exports/1/*``, later ``lab3 collect exports/2/*``, and
``lab3 grade``. ``expected.json`` says what has to come out.
"""

import argparse
import sys
from pathlib import Path

from tests.making.course.people import KINDS, class_of
from tests.making.course.writing import write_class
from tests.making.honest import make_honest, runs_of


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.making.course",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--students", type=int, default=12, metavar="N")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--lms", choices=KINDS, help="the only one; several without")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--runs", type=Path, metavar="DIR", help="a submission with runs of digits; else made anew"
    )
    arguments = parser.parse_args()
    if arguments.students < 1:
        parser.error(f"--students {arguments.students}: name 1 or more")
    if arguments.to.exists() and any(arguments.to.iterdir()):
        parser.error(f"--to {arguments.to}: is not empty: name a new folder")
    if arguments.runs and not (arguments.runs / "runs").is_dir():
        parser.error(f"--runs {arguments.runs}: holds no runs/: name a submission")
    runs = runs_of(arguments.runs or make_honest(arguments.to / "honest"))
    kinds = (arguments.lms,) if arguments.lms else KINDS
    people = class_of(arguments.students, arguments.seed, runs, kinds)
    write_class(arguments.to, people, arguments.seed)
    print(f"wrote {len(people)} students to {arguments.to}", file=sys.stderr)


main()
