"""Run the command as ``python -m tools``, for example under torchrun."""

import sys
from pathlib import Path

KIT = Path(__file__).resolve().parents[1]
if Path(sys.path[0] or ".").resolve() != KIT:
    del sys.path[0]  # python -m puts the working folder first, and a student's lab3/ may be there

from tools.cli import main  # noqa: E402

main()
