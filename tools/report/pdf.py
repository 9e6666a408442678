"""A page as PDF, printed by the Chromium or Chrome of this computer."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab3.errors import LabError
from lab3.log.runlog import write_atomically

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pdf-header-footer",
)
TIMEOUT_S = 60


def browser() -> str | None:
    """Return the path of a browser that prints, if there is one."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def print_pdf(page: Path, target: Path) -> None:
    """Print a page; raise LabError when there is no browser or it fails."""
    program = browser()
    if program is None:
        raise LabError(
            "a PDF needs Chromium or Chrome: install one (Debian: apt-get install chromium), or "
            f"open {page} in your browser and print it to a file"
        )
    is_root = sys.platform == "linux" and os.geteuid() == 0
    done = ask(program, page, target, ["--no-sandbox"] if is_root else [])
    if done.returncode and "No usable sandbox" in done.stderr:
        # Where namespaces are refused, as in containers; the page is ours, and has no scripts.
        done = ask(program, page, target, ["--no-sandbox"])
    if done.returncode:
        lines = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise LabError(f"{program} could not print {page}: {lines[0]}")


def ask(
    program: str, page: Path, target: Path, more: list[str]
) -> "subprocess.CompletedProcess[str]":
    """Let a browser print a page; one that prints nothing has failed, whatever it says."""
    with tempfile.TemporaryDirectory(prefix="lab3-pdf-") as folder:
        pdf = Path(folder) / "report.pdf"
        command = [
            program,
            *OPTIONS,
            *more,
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={pdf}",
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LabError(f"{program} could not print {page}: {error}") from None
        if pdf.exists():
            content = pdf.read_bytes()
            write_atomically(target, lambda file: file.write(content))
        else:
            done.returncode = done.returncode or 1
        return done
