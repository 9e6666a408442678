"""Archives of kinds that are not read here, converted to .tar by a program behind walls.

The program sees the archive, itself and the system's libraries. It has no network, no file to write
to but in memory, and limits on CPU time, memory and what it sends. What it sends is read like any
archive of a student's.
"""

import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from autograder.host import bubblewrap
from autograder.host.bubblewrap import INSIDE_USER
from autograder.host.child import SandboxError
from autograder.host.contents import LIBRARIES
from lab3.errors import LabError

REMEDY = "apt install libarchive-tools bubblewrap"
ARCHIVE, FOLDER = "/archive", "/out"
LIMITED = 'set -e; ulimit -c 0; ulimit -t $1; ulimit -v $2; ulimit -f $3; shift 3; exec "$@"'
# What each program does: one converts, the others unpack into memory and pack that again.
SEVEN_ZIP = f'"$0" x -y {ARCHIVE} >&2 && exec "$0" a -ttar -so -an .'
COMMANDS = {
    "bsdtar": ("bsdtar", "-cf", "-", f"@{ARCHIVE}"),
    "7zz": ("/bin/sh", "-c", SEVEN_ZIP, "7zz"),
    "7z": ("/bin/sh", "-c", SEVEN_ZIP, "7z"),
}
CHUNK_BYTES = 1 << 18


class ConversionError(LabError):
    """An archive was not converted; the text goes on after its name."""


@dataclass(frozen=True)
class Budget:
    """What one conversion may use; ``deadline_s`` is wall-clock time, the backstop of CPU time."""

    cpu_s: int = 120
    memory_bytes: int = 2 * 10**9
    output_bytes: int = 10**9
    deadline_s: float = 600


def found(name: str) -> Path | None:
    """Return where a program is, or None."""
    path = shutil.which(name)
    return None if path is None else Path(path)


@cache
def program() -> str | None:
    """Return the program that converts, or None where there is none."""
    return next((name for name in COMMANDS if found(name)), None)


@cache
def why_not() -> str:
    """Say why nothing can be converted here, with the remedy; an empty text where it can."""
    if program() is None:
        return f"none of {', '.join(COMMANDS)} is installed: {REMEDY}"
    try:
        command = [*walls(Path(os.devnull), Budget()), "/bin/sh", "-c", ":"]
        done = subprocess.run(command, capture_output=True, check=False)
    except (SandboxError, OSError) as error:
        return f"{error}: {REMEDY}"
    said = done.stderr.decode(errors="replace").strip()
    return f"no walls can be built, lab3 doctor tells why: {said}" if done.returncode else ""


def describe() -> str:
    """Tell what converts .rar, .7z and the like here, or why nothing does."""
    return why_not() or f"{program()}, for .rar, .7z and .tar.xz"


def walls(archive: Path, budget: Budget) -> list[str]:
    """Return the command line that shuts a program in with an archive; its own follows."""
    shown = [path for path in (*map(Path, LIBRARIES), Path("/bin/sh")) if os.path.lexists(path)]
    shown += [path for name in COMMANDS if (path := found(name))]
    command = [bubblewrap.program(), "--unshare-all", "--unshare-user", "--die-with-parent"]
    command += ["--new-session", "--cap-drop", "ALL", "--clearenv", "--setenv", "LC_ALL", "C.UTF-8"]
    command += ["--setenv", "PATH", "/usr/bin:/bin", "--hostname", "converter"]
    command += ["--uid", str(INSIDE_USER), "--gid", str(INSIDE_USER)]
    for path in shown:
        kind = "--symlink" if path.is_symlink() and path.is_dir() else "--ro-bind"
        source = str(path.readlink()) if kind == "--symlink" else str(path.resolve())
        command += [kind, source, str(path)]
    command += ["--ro-bind", str(archive), ARCHIVE, "--size", str(budget.output_bytes)]
    command += ["--tmpfs", FOLDER, "--chdir", FOLDER, "--remount-ro", "/"]
    limits = (budget.cpu_s, budget.memory_bytes // 1024, budget.output_bytes // 512)
    return [*command, "/bin/sh", "-c", LIMITED, "sh", *map(str, limits)]


def convert(archive: Path, target: Path, budget: Budget = Budget()) -> None:
    """Write the .tar of an archive into a new file; raise ConversionError when there is none."""
    name = program()
    if name is None or why_not():
        raise ConversionError("can't be opened here: hand in a .zip")
    command = [*walls(archive, budget), *COMMANDS[name]]
    with (
        target.open("xb") as file,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            size = 0
            for piece in pieces(process.stdout, budget):
                size += file.write(piece)
        except BaseException:
            process.kill()
            raise
    if process.returncode or size == 0:
        raise ConversionError("can't be unpacked, it is damaged or protected: hand in a .zip")


def pieces(stream: IO[bytes], budget: Budget) -> Iterator[bytes]:
    """Yield what a program sends, within its budget."""
    end, left = time.monotonic() + budget.deadline_s, budget.output_bytes
    while True:
        ready, _, _ = select.select([stream], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise ConversionError("takes too long to unpack: hand in a .zip")
        if not (piece := os.read(stream.fileno(), CHUNK_BYTES)):
            return
        left -= len(piece)
        if left < 0:
            raise ConversionError(f"holds more than {budget.output_bytes // 10**6:,} MB")
        yield piece
