"""``lab3 submit``: packs what is handed in, and says before what it will lose."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from lab3.log.records import TITLES
from lab3.selection import select
from lab3.units import megabytes
from tools.grades import print_grade
from tools.shared.console import UserError, out, say
from tools.shared.options import Code, DataDir, Json, Runs
from tools.studying.checking import Wanted, checker, find_folder, roots
from tools.studying.packing import Contents, contents_of, write_archive
from tools.studying.standing import read_runs

if TYPE_CHECKING:
    from autograder.results import Grade
    from autograder.submissions.reading import Submission


@dataclass
class Receipt:
    """What stands in an archive, and what it will lose: sentences, each with what to do.

    ``sha256`` is the archive's, ``submission_sha256`` what a grade names, however it was packed.
    """

    archive: str
    bytes: int
    sha256: str
    submission_sha256: str
    files: list[tuple[str, int]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    loses: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)


def submit(
    target: Annotated[Path, Option("--out", metavar="FILE.zip", help="The archive.")] = Path(
        "lab3.zip"
    ),
    archive: Annotated[
        Path | None,
        Option("--check", metavar="ARCHIVE", help="Only say what a grader finds in an archive."),
    ] = None,
    report: Annotated[
        Path, Option("--report", metavar="FILE.md", help="The report; figures/ lies beside it.")
    ] = Path("report.md"),
    accuracy: Annotated[
        bool, Option("--accuracy", help="Also count right test images; takes minutes on a CPU.")
    ] = False,
    as_json: Json = False,
    code: Code = None,
    runs: Runs = Path("runs"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Pack your code, the runs that count and your report, and say what loses marks.

    The archive is then read and checked as grading will; the report is reviewed. Equal contents
    give the same archive, byte for byte. The exit code is 0 when nothing was found that loses
    marks; the archive is written all the same.

    Examples:

        lab3 submit

        lab3 submit --accuracy --out lab3-ada.zip

        lab3 submit --check lab3.zip
    """
    folder = None if archive else find_folder(code)
    packed = pack(folder, report, runs, target) if folder else Contents()
    made = archive or target
    receipt = receipt_of(made, packed)
    grade = None
    if any(name.startswith("lab3/") for name, _ in receipt.files):
        with checker(Path(), Wanted(has_accuracy=accuracy), data_dir, is_archive=True) as asked:
            grade = asked.grade(made)
        receipt.loses += lost_checks(grade)
    receipt.loses += review_of(made)
    if as_json:
        out.print_json(json.dumps(asdict(receipt)))
    else:
        show(receipt, grade)
    if receipt.loses:
        sys.exit(1)


def pack(folder: Path, report: Path, runs: Path, target: Path) -> Contents:
    """Write the archive of a student's folder; raise UserError when there is nothing to pack."""
    logs, faults = read_runs(runs)
    for fault in faults:
        say(f"left out: {fault}")
    chosen = select([log for log in logs if log.end])
    counting = (chosen.fp32, chosen.ptq, chosen.qat)
    contents = contents_of(folder, report, chosen, [log for log in logs if log not in counting])
    contents.left_out += [f"runs: {fault}" for fault in faults]
    if not contents.files:
        raise UserError(f"there is nothing to hand in in {folder}")
    write_archive(contents, target)
    return contents


def receipt_of(archive: Path, packed: Contents) -> Receipt:
    """Return what a grader finds in an archive, read as a grader does."""
    from autograder.submissions.reading import open_submission
    from tools.running.workspace import file_sha256

    with open_submission(archive) as found:
        sha256 = file_sha256(archive) if archive.is_file() else ""
        size = archive.stat().st_size if archive.is_file() else 0
        receipt = Receipt(str(archive), size, sha256, found.sha256)
        receipt.files = files_in(found)
        receipt.left_out = [*packed.left_out, *(f"{name}: not read" for name in found.ignored)]
        receipt.loses = [*found.problems, *incomplete(found)]
    receipt.not_checked = [
        "hidden inputs of the checks: they make the same claims with other numbers",
        "the words of your report: people read and mark them",
    ]
    return receipt


def files_in(found: Submission) -> list[tuple[str, int]]:
    """Return the files that a grader reads, by name, with their bytes."""
    files = {f"lab3/{name}": len(content) for name, content in found.files.items()}
    for name, run in found.runs.items():
        if run.log is not None:
            files[f"runs/{name}/run.jsonl"] = len(run.log)
        if run.checkpoint is not None:
            files[f"runs/{name}/model.pt"] = run.checkpoint.stat().st_size
    if found.report is not None:
        files["report.md"] = len(found.report)
    if found.page is not None:
        files["report.html"] = len(found.page)
    files |= {name: len(content) for name, content in found.figures.items()}
    return sorted(files.items())


def incomplete(found: Submission) -> list[str]:
    """Say what the submission format asks for and isn't there, and what that costs."""
    from autograder.submissions.runs import Runs as HandedIn
    from lab3.selection import DATA_SETS

    lacks = [] if found.report is not None else ["report.md is missing: lab3 report writes it"]
    handed_in = HandedIn(found.runs, DATA_SETS, found.files)
    for kind, title in TITLES.items():
        if kind not in handed_in.names:
            lacks.append(f"{handed_in.why_none(kind)}: lab3 {kind} makes one")
        elif found.runs[handed_in.names[kind]].checkpoint is None:
            name = handed_in.names[kind]
            lacks.append(f"runs/{name}/model.pt is missing: nothing proves the {title} run")
    return lacks


def lost_checks(grade: Grade) -> list[str]:
    """Name each check that failed for a reason of its own, with points, and what waits for it."""
    from autograder.messages import of_points

    lost = []
    waiting = {result.check: result for result in grade.results if result.waits_for}
    for result in roots(grade.results):
        behind = [w for w in waiting.values() if w.waits_for == result.check]
        more = sum(w.points for w in behind)
        held = f", and {more:g} points that wait for it" if more else ""
        lost.append(
            f"{result.check}: {of_points(result.earned, result.points)}{held}: {result.claim} "
            f"(lab3 check -k {result.name})"
        )
    return lost


def review_of(archive: Path) -> list[str]:
    """Return what the reviewer is certain of in the report of an archive."""
    from tempfile import TemporaryDirectory

    from autograder.submissions.reading import open_submission
    from autograder.submissions.runs import read_logs
    from lab3.log.runlog import RunLog
    from tools.review import review

    with open_submission(archive) as found, TemporaryDirectory(prefix="lab3-review-") as name:
        if found.report is None:
            return []
        logs = read_logs({n: run.log for n, run in found.runs.items() if run.log is not None})
        for figure, content in found.figures.items():
            path = Path(name, figure)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        text = found.report.decode("utf-8", errors="replace")
        read = [log for log in logs.values() if isinstance(log, RunLog)]
        findings = review(text, Path(name), read)
    lines: dict[tuple[str, str], list[int]] = {}
    for finding in findings:
        if finding.sure == "certain":
            lines.setdefault((finding.rule, finding.why), []).append(finding.line)
    return [
        f"report.md: {why}: line{'s' * (len(at) > 1)} {', '.join(map(str, at))} "
        f"(lab3 review report.md -k {rule})"
        for (rule, why), at in lines.items()
    ]


def show(receipt: Receipt, grade: Grade | None) -> None:
    """Print what a grader finds, what loses marks, what nobody checked, and the receipt."""
    if grade is not None:
        print_grade("Public checks of the archive", grade)
    for title, lines in (
        ("left out", receipt.left_out),
        ("loses marks", receipt.loses),
        ("not checked here", not_checked(receipt, grade)),
    ):
        if lines:
            out.print(f"\n{title}:", markup=False)
            for line in lines:
                out.print(f"  {line}", markup=False)
    out.print(f"\n{receipt.archive}: {megabytes(receipt.bytes)}", markup=False)
    for name, size in receipt.files:
        out.print(f"  {size:>13,}  {name}", markup=False)
    out.print(f"sha256      {receipt.sha256}", markup=False)
    out.print(f"submission  {receipt.submission_sha256}", markup=False)
    out.print("\nKeep these two lines: they tell your archive from any other.", markup=False)


def not_checked(receipt: Receipt, grade: Grade | None) -> Sequence[str]:
    """Return what can still lose marks."""
    counted = grade is not None and any(result.group == "accuracy" for result in grade.results)
    accuracies = "accuracies on the test images: lab3 submit --accuracy counts them"
    return [*receipt.not_checked, *([] if counted else [accuracies])]
