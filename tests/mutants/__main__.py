"""Write anew what students read about wrong submissions: all of them, or those that are named.

python -m tests.mutants
python -m tests.mutants "no clamp" "plain +"
"""

import argparse
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

from autograder.host.sandbox import Sandbox
from tests.mutants import texts
from tests.mutants.wrong import WRONG


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a wrong submission's name")
    names = parser.parse_args().names or list(WRONG)
    if unknown := [name for name in names if name not in WRONG]:
        parser.error(f"there is no wrong submission {unknown[0]!r}")
    warnings.simplefilter("ignore")
    entries: dict[str, str] = {}
    try:
        with Sandbox() as sandbox:
            for count, name in enumerate(names, 1):
                print(f"{count}/{len(names)}  {name}", flush=True)
                entries[name] = texts.text_of(name, texts.grade_wrong(sandbox, name))
    finally:
        texts.keep(entries)


if __name__ == "__main__":
    main()
