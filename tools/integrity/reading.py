"""From attempts to fingerprints: each content is read once, and never in this process."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from autograder.course.index import Attempt
from autograder.host.answers import NoAnswerError
from autograder.host.child import KILLED, Limits
from autograder.host.client import Client
from autograder.host.sandbox import Sandbox
from autograder.submissions.budgets import Budget, StalledError, UnreadableError, read_within
from autograder.submissions.entries import SubmissionError
from autograder.submissions.reading import NotReadError, Run, Submission, open_submission
from autograder.submissions.runs import Runs
from lab3.log.runlog import write_atomically
from tools.integrity.boilerplate import boilerplate
from tools.integrity.code import code_print
from tools.integrity.hashing import digest
from tools.integrity.logs import log_print
from tools.integrity.prints import (
    FORMAT,
    CodePrint,
    Fingerprint,
    LogPrint,
    Passage,
    RunPrint,
    TensorPrint,
)
from tools.integrity.prose import passages

# Of one text: the largest that are handed in take a second.
BUDGET = Budget(cpu_s=10, memory_bytes=10**9, answer_bytes=2 * 10**7, deadline_s=120)
PASSAGES: TypeAdapter[list[Passage]] = TypeAdapter(list[Passage])
M = TypeVar("M", bound=BaseModel)


class NotNowError(Exception):
    """This computer had no time for it; nothing is kept, and the next call tries again."""


@dataclass(frozen=True)
class Cache:
    """Fingerprints by content, in a folder that only its owner may read."""

    folder: Path

    def path(self, content: str) -> Path:
        return self.folder / f"{content}.json"

    def get(self, content: str) -> Fingerprint | None:
        """Return a fingerprint of this version of the kit, None where there is none."""
        try:
            found = Fingerprint.model_validate_json(self.path(content).read_bytes())
        except (OSError, ValidationError):
            return None
        return found if found.version == version() else None

    def put(self, content: str, fingerprint: Fingerprint) -> None:
        private(self.folder)
        text = fingerprint.model_dump_json().encode()
        write_atomically(self.path(content), lambda file: file.write(text))
        self.path(content).chmod(stat.S_IRUSR | stat.S_IWUSR)


def private(folder: Path) -> None:
    """Make a folder that only its owner may look into."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(stat.S_IRWXU)


def version() -> str:
    """Return what a fingerprint depends on beside what was handed in."""
    return f"{FORMAT} {boilerplate().version}"


def content_of(attempt: Attempt) -> str:
    """Return what names the content of an attempt's file."""
    return attempt.sha256 or digest(attempt.file)


def fingerprints(
    attempts: Sequence[tuple[Attempt, Path]], cache: Cache, open_sandbox: Callable[[], Sandbox]
) -> Iterator[tuple[str, Fingerprint | None]]:
    """Yield the fingerprint of each content; None where this computer can't read it now.

    A sandbox is opened when the first checkpoint is to be read. Raises SandboxError where no walls
    hold.
    """
    sandbox: Sandbox | None = None
    try:
        for attempt, path in attempts:
            content = content_of(attempt)
            found = cache.get(content)
            if found is None:
                if not os.access(path, os.R_OK):
                    yield content, None
                    continue
                sandbox = sandbox or open_sandbox()
                try:
                    found = read(path, sandbox)
                except NotNowError:
                    yield content, None
                    continue
                finally:
                    if sandbox.anomalies:
                        sandbox.renew()
                cache.put(content, found)
            yield content, found
    finally:
        if sandbox:
            sandbox.close()


def read(path: Path, sandbox: Sandbox) -> Fingerprint:
    """Return the fingerprint of a submission; raise NotNowError where there was no time."""
    try:
        with open_submission(path) as submission:
            return of_submission(submission, sandbox)
    except NotReadError as error:
        raise NotNowError(str(error)) from None
    except SubmissionError as error:
        text = str(error).removeprefix(f"{path} ")
        return Fingerprint(version=version(), content="", problem=text)


def of_submission(submission: Submission, sandbox: Sandbox) -> Fingerprint:
    """Return the fingerprint of what was read."""
    given, files, report = boilerplate(), dict(submission.files), submission.report
    sources = {name: content for name, content in files.items() if content}
    code, code_problem = within(CodePrint, lambda: code_print(sources, given).model_dump_json())
    found, report_problem = parts_of(report)
    runs = tuple(run_print(name, run, sandbox) for name, run in sorted(submission.runs.items()))
    return Fingerprint(
        version=version(),
        content=submission.sha256,
        code=code if sources else None,
        code_problem=code_problem if sources else "no code was handed in",
        code_sha256=Runs({}, (), files).code_sha256,
        runs=with_bases(runs),
        passages=tuple(found),
        report_problem=report_problem,
    )


def within(model: type[M], make: Callable[[], str]) -> tuple[M | None, str]:
    """Return what a process of its own makes, or why it can't."""
    try:
        return model.model_validate_json(read_within(BUDGET, lambda: make().encode())), ""
    except UnreadableError as error:
        return None, str(error)
    except StalledError as error:
        raise NotNowError(str(error)) from None


def parts_of(report: bytes | None) -> tuple[list[Passage], str]:
    """Return the passages of a report, or why there are none."""
    if report is None:
        return [], "no report.md was handed in"
    text, given = report.decode("utf-8", "replace"), boilerplate()
    try:
        answer = read_within(BUDGET, lambda: PASSAGES.dump_json(list(passages(text, given))))
    except UnreadableError as error:
        return [], f"report.md {error}"
    except StalledError as error:
        raise NotNowError(str(error)) from None
    found = PASSAGES.validate_json(answer)
    return found, "" if found else "report.md has no paragraph of the student's own"


def run_print(name: str, run: Run, sandbox: Sandbox) -> RunPrint:
    """Return a run's log and checkpoint, each as far as it can be read."""
    log, log_problem = None, "no log was handed in"
    if run.log is not None:
        content = run.log
        log, log_problem = within(LogPrint, lambda: log_print(name, content).model_dump_json())
        log_problem = log_problem.removeprefix(f"runs/{name}/")
    tensors: tuple[TensorPrint, ...] = ()
    problem = "no checkpoint was handed in"
    if run.checkpoint is not None:
        tensors, problem = tensors_of(run.checkpoint, sandbox)
    return RunPrint(
        name=name,
        log=log,
        log_problem=log_problem,
        checkpoint_sha256=run.checkpoint_sha256 or "",
        tensors=tensors,
        checkpoint_problem=problem,
    )


def tensors_of(path: Path, sandbox: Sandbox) -> tuple[tuple[TensorPrint, ...], str]:
    """Return a checkpoint's tensors, read behind the walls, or why there are none."""
    from tools.integrity.weights import tensor_prints

    try:
        with Client({}, sandbox, Limits()) as client:
            tensors = tensor_prints(client.checkpoint(path).entries)
    except NoAnswerError as error:
        if error.by_clock or KILLED in error.said:
            raise NotNowError(error.said) from None
        said = error.said.replace("your code", "its reader")
        return (), f"the checkpoint can't be read: {said}"
    return tensors, "" if tensors else "the checkpoint holds no tensor that says something"


def with_bases(runs: tuple[RunPrint, ...]) -> tuple[RunPrint, ...]:
    """Return runs of which each knows the recipe of the FP32 run that it began with."""
    recipes: Mapping[str, LogPrint] = {
        run.log.checkpoint_sha256: run.log for run in runs if run.log and run.log.checkpoint_sha256
    }
    result = []
    for run in runs:
        base = recipes.get(run.log.base_sha256) if run.log else None
        if run.log and base:
            recipe = run.log.recipe.model_copy(update={"base": base.recipe})
            run = run.model_copy(update={"log": run.log.model_copy(update={"recipe": recipe})})
        result.append(run)
    return tuple(result)
