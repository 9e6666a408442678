"""The student's code, the run folders and the machine: what every student command needs."""

import ast
import contextlib
import hashlib
import os
import platform
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from lab3 import STUDENT_FILES
from lab3.imports import ALLOWED, foreign_imports
from lab3.log.records import Environment, Record, Start
from lab3.log.runlog import (
    CHECKPOINT_NAME,
    LOG_NAME,
    STATE_NAME,
    RunLog,
    RunLogError,
    begin,
    read_log,
    write_atomically,
)
from tools.running import functions
from tools.shared.console import IS_FIRST_PROCESS, UserError, say

TORCH_NOISE = (  # PyTorch announces the end of eager quantization at every step of it
    "torch.ao.quantization is deprecated",
    "torch.quantize_per_tensor, torch.quantize_per_channel",
    "TypedStorage is deprecated",
    "Please use quant_min and quant_max to specify the range",
)
REPAIR = "put the line back as it was, or repeat the run with --restart"  # of a damaged log
CONTENTS = {  # fields that identify contents nobody wants to read
    "code_sha256": "your code",
    "given_sha256": "the given code",
    "fingerprint": "the data set",
    "checkpoint_sha256": "the baseline's checkpoint",
}
Status = Literal["new", "resumed", "complete"]
NAMED = 3  # functions that have changed
USUAL_PLACES = (Path(), Path("assignment"))  # of lab3/, when no --code says where it is


@dataclass(frozen=True)
class Code:
    """What identifies the code of a run: the student's two files, and the files given.

    ``functions`` are digests of what the student's files, which lie at ``paths``, define.
    """

    student_sha256: str
    given_sha256: str
    functions: dict[str, str] = field(default_factory=dict)
    paths: tuple[Path, ...] = ()


def use_code(code: Path | None) -> Code:
    """Let ``import lab3`` find a student's files first, and return what identifies them.

    Without a folder, ``lab3/`` here or in ``assignment/`` is used. Given files that the folder
    lacks come from the kit.
    """
    candidates = [code] if code else USUAL_PLACES
    for folder in candidates:
        if (folder / "lab3").is_dir():
            break
    missing = [name for name in STUDENT_FILES if not (folder / "lab3" / name).is_file()]
    if missing:
        looked = " or ".join(str(f / "lab3" / missing[0]) for f in candidates)
        raise UserError(
            f"no {looked}: run this in the folder that holds your lab3/, or name it with --code DIR"
        )
    import lab3

    lab3.__path__.insert(0, str((folder / "lab3").resolve()))
    silence_torch()
    files = {
        path.relative_to(f).as_posix(): path
        for f in map(Path, reversed(lab3.__path__))
        for path in f.rglob("*.py")
    }
    warn_of_imports([files[name] for name in STUDENT_FILES])
    students = [files[name] for name in STUDENT_FILES]
    return Code(
        sha256(students),
        sha256([path for name, path in sorted(files.items()) if name not in STUDENT_FILES]),
        functions.digests(students),
        tuple(students),
    )


def warn_of_imports(paths: Iterable[Path]) -> None:
    """Say what will be missing when these files are graded."""
    for path in paths:
        for module, line in foreign_imports(path.read_bytes()):
            say(
                f"lab3/{path.name}:{line} imports {module}, which is missing when it is graded: "
                f"this file may import {ALLOWED}"
            )


def use_any_code(code: Path | None) -> None:
    """Let ``import lab3`` find a student's files where there are some: measuring needs none."""
    if code or any((folder / "lab3").is_dir() for folder in USUAL_PLACES):
        use_code(code)
    else:
        silence_torch()


def open_stubs() -> list[str]:
    """Return the functions of the student's files, as found first, that still are stubs."""
    import lab3

    stubs = []
    for name in STUDENT_FILES:
        path = next(p for p in (Path(f) / name for f in lab3.__path__) if p.is_file())
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # what imports it says so, with the line
            continue
        stubs += [f.name for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and is_stub(f)]
    return stubs


def is_stub(function: ast.FunctionDef) -> bool:
    """Tell whether the first thing that a function does is to say that it's not implemented."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return bool(body) and ast.unparse(body[0]).startswith("raise NotImplementedError")


def sha256(paths: Iterable[Path]) -> str:
    """Return what identifies the names and contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def silence_torch() -> None:
    """Hide PyTorch's deprecation notices, which say nothing that a user could act on."""
    for text in TORCH_NOISE:
        warnings.filterwarnings("ignore", message=text)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def environment(device: str, processes: int = 1) -> Environment:
    """Describe where a run takes place."""
    from importlib.metadata import version

    import torch

    from lab3.evaluation import processor_name

    return Environment(
        python=platform.python_version(),
        torch=version("torch"),
        torchvision=version("torchvision"),
        platform=f"{platform.system()} {platform.machine()}",
        processor=processor_name(),
        device=device,
        threads=torch.get_num_threads(),
        processes=processes,
    )


def check_name(name: str) -> str:
    """Return a run's name; raise UserError unless it is a plain file name."""
    if not name or name != Path(name).name or name.startswith("."):
        raise UserError(f"{name!r} can't be a run's name: use letters, digits, '-' and '_'")
    return name


def open_run(folder: Path, start: Start, restart: bool, code: Code | None = None) -> Status:
    """Make a run folder ready: begun, to be continued, or complete already.

    Raises UserError when the folder holds another run, so that nothing is overwritten. What
    training doesn't use of the student's ``code`` may have changed since it began.
    """
    if restart:
        for name in (LOG_NAME, CHECKPOINT_NAME, STATE_NAME):
            (folder / name).unlink(missing_ok=True)
    log = intact_log(folder) if (folder / LOG_NAME).exists() else None
    has_state = (folder / STATE_NAME).exists()
    if log is None and (has_state or (folder / CHECKPOINT_NAME).exists()):
        raise UserError(
            f"{folder} holds checkpoints without {LOG_NAME}, so nobody knows what they are: choose "
            "another folder (--name), or discard them with --restart"
        )
    if log is None or (len(log.records) == 1 and not has_state):  # nothing there to be lost
        begin(folder, start)
        return "new"
    changes = list(differences(log.start, start))
    if code and "your code has changed" in changes:
        changes.remove("your code has changed")
        changes += changed_code(log.start, start, code)
    if log.start.environment.processes != start.environment.processes:
        processes = (log.start.environment.processes, start.environment.processes)
        changes.append("processes was {}, now {}".format(*processes))
    if changes:
        use = ""
        if log.end:
            of_it = f"lab3 ptq --baseline {folder.name}" if start.kind == "train" else "lab3 report"
            use = f"; it is complete and can be used as it is, for example by {of_it}"
        raise UserError(
            f"{folder} holds another run ({'; '.join(changes)}): choose another folder (--name; "
            f"--runs for a sweep, --out for the demo), or replace the run with --restart{use}"
        )
    if log.end:
        (folder / STATE_NAME).unlink(missing_ok=True)
        return "complete"
    if log.epochs and not has_state:
        raise UserError(f"{folder / STATE_NAME} is missing, so {folder} can't go on: --restart")
    return "resumed" if has_state else "new"


def differences(then: Record, today: Record, prefix: str = "") -> Iterator[str]:
    """Yield how two records differ, field by field; time and place don't count."""
    for name in type(then).model_fields:
        old, new = getattr(then, name), getattr(today, name)
        if name in ("time", "environment", "functions") or old == new:
            continue
        if isinstance(old, Record) and isinstance(new, Record):
            yield from differences(old, new, f"{prefix}{name}.")
        elif name in CONTENTS:
            yield f"{CONTENTS[name]} has changed"
        else:
            yield f"{prefix}{name} was {old!r}, now {new!r}"


def changed_code(then: Start, today: Start, code: Code) -> list[str]:
    """Return how the student's code differs where it matters for a run of this kind."""
    if not (then.functions and today.functions):
        return ["your code has changed"]
    changed = functions.changed(then.functions, today.functions)
    if today.kind == "train":
        used = functions.used_in_training(code.paths)  # what used what is no more has changed, too
        changed = [name for name in changed if name in used]
    if not changed:
        return []
    more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    have = "has" if len(changed) == 1 else "have"
    return [f"{', '.join(changed[:NAMED])}{more} of your code {have} changed"]


@contextmanager
def left_empty_unless_begun(folder: Path) -> Iterator[None]:
    """Leave nothing in a run's folder when what it was opened for failed before any progress."""
    try:
        yield
    except BaseException:
        if IS_FIRST_PROCESS and not has_begun(folder):
            (folder / LOG_NAME).unlink(missing_ok=True)
            for empty in (folder, folder.parent):
                with contextlib.suppress(OSError):  # it holds something else
                    empty.rmdir()
        raise


def has_begun(folder: Path) -> bool:
    """Tell whether a run's folder holds anything that took time to make, or that isn't clear."""
    if any((folder / name).exists() for name in (CHECKPOINT_NAME, STATE_NAME)):
        return True
    try:
        return (folder / LOG_NAME).exists() and len(read_log(folder).records) > 1
    except RunLogError:
        return True


@contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keep a second command out of a folder, where the system has file locks.

    Raises UserError when another one is there, or, with ``wait``, waits for it. Of several
    processes of one command only the first keeps others out.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        yield
        return
    if not (IS_FIRST_PROCESS or wait):
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError:
        raise UserError(f"another lab3 command is at work in {folder}: wait for it") from None
    finally:
        os.close(handle)


def all_runs(runs: Path) -> list[Path]:
    """Return the run folders, sorted by name."""
    return sorted(path.parent for path in runs.glob(f"*/{LOG_NAME}"))


def find_run(runs: Path, run: str) -> Path:
    """Return a run's folder by its name in ``runs`` or by its path; raise UserError if none is."""
    for folder in (runs / run, Path(run)):
        if (folder / LOG_NAME).exists():
            return folder if folder.name else folder.resolve()
    names = ", ".join(path.name for path in all_runs(runs)) or "none"
    if run == Path(run).name:
        raise UserError(f"there is no run {run!r} in {runs} (runs there: {names})")
    raise UserError(f"{run} is no run's folder: it has no {LOG_NAME} (runs in {runs}: {names})")


def intact_log(folder: Path) -> RunLog:
    """Return a run's log; raise UserError with the remedy when it is damaged."""
    try:
        return read_log(folder)
    except RunLogError as error:
        raise UserError(f"{error}: {REPAIR}") from None


def complete_run(runs: Path, run: str) -> tuple[Path, RunLog]:
    """Return a run that has ended, by name or path; raise UserError when there is none."""
    folder = find_run(runs, run)
    log = intact_log(folder)
    if log.end is None:
        raise UserError(f"run {log.name!r} has not ended: run its command again to go on")
    if not (folder / CHECKPOINT_NAME).exists():
        raise UserError(f"{folder / CHECKPOINT_NAME} is missing: repeat the run with --restart")
    if file_sha256(folder / CHECKPOINT_NAME) != log.end.checkpoint_sha256:
        raise UserError(
            f"{folder / CHECKPOINT_NAME} is not what the run wrote: repeat it with --restart"
        )
    return folder, log


def save_checkpoint(folder: Path, network: Any) -> tuple[int, str]:
    """Write a network's ``state_dict`` as the run's checkpoint; return its bytes and sha256."""
    import torch

    path = folder / CHECKPOINT_NAME
    write_atomically(path, lambda file: torch.save(network.state_dict(), file))
    return path.stat().st_size, file_sha256(path)
