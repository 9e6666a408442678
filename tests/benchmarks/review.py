"""Precision and recall of ``lab3 review`` on frozen texts: python -m tests.benchmarks.review."""

import sys
from pathlib import Path

from tests.reports.measuring import FROZEN, measure_reports, measure_sentences
from tools.review import review_file


def main(folders: list[Path], is_listed: bool) -> None:
    for folder in folders:
        for name, measure in (("reports", measure_reports), ("sentences", measure_sentences)):
            counts = measure(folder, lambda path: review_file(path).findings)
            print(f"review of {folder.name}, {name}: {counts}")
            if is_listed:
                print(*(f"  false   {line}" for line in counts.false), sep="\n")
                print(*(f"  missed  {line}" for line in counts.missed), sep="\n")


if __name__ == "__main__":
    listed = "--list" in sys.argv
    given = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    main(given or [FROZEN / name for name in ("one", "two", "three", "four")], listed)
