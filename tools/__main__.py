"""Run the command as ``python -m tools``, for example under torchrun."""

from tools.cli import main

main()
