"""Fingerprints of submissions, without submissions."""

import io
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from autograder.course.index import Attempt
from autograder.inside import saved
from autograder.inside.questions import CheckpointFile
from tests.making.classes import attempt
from tests.making.submissions import Files
from tools.integrity.boilerplate import boilerplate
from tools.integrity.code import code_print
from tools.integrity.decisions import Decision
from tools.integrity.hashing import digest
from tools.integrity.logs import log_print
from tools.integrity.people import People, Person
from tools.integrity.prints import Fingerprint, RunPrint, TensorPrint
from tools.integrity.prose import passages
from tools.integrity.reading import with_bases
from tools.integrity.result import Result, result_of
from tools.integrity.weights import tensor_prints


def tensors_of(content: bytes) -> tuple[TensorPrint, ...]:
    """The prints of a checkpoint of ours, which needs no walls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tensor_prints(saved.checkpoint(CheckpointFile(content)).entries)


def tensors(state: Mapping[str, Any]) -> tuple[TensorPrint, ...]:
    into = io.BytesIO()
    torch.save(dict(state), into)
    return tensors_of(into.getvalue())


def print_of(files: Files) -> Fingerprint:
    """The fingerprint of what somebody hands in, read in this process."""
    from tests.making.course.copies import code_sha256

    given = boilerplate()
    code = {n.removeprefix("lab3/"): c for n, c in files.items() if n.startswith("lab3/")}
    names = sorted({path.split("/")[1] for path in files if path.startswith("runs/")})
    return Fingerprint(
        version="",
        content=digest(*(part for n, c in sorted(files.items()) for part in (n, c.hex()))),
        code=code_print(code, given) if code else None,
        code_sha256=code_sha256(files) if code else "",
        runs=with_bases(tuple(run_print(files, name) for name in names)),
        passages=tuple(passages(files.get("report.md", b"").decode(), given)),
    )


def run_print(files: Files, name: str) -> RunPrint:
    log, checkpoint = (files.get(f"runs/{name}/{file}") for file in ("run.jsonl", "model.pt"))
    return RunPrint(
        name=name,
        log=log_print(name, log) if log else None,
        checkpoint_sha256=digest(checkpoint.hex()) if checkpoint else "",
        tensors=tensors_of(checkpoint) if checkpoint else (),
    )


def person(student: str, *attempts: Attempt, name: str = "", group: str = "") -> Person:
    return Person(student, name or student.title(), attempts, group)


def compared(
    handed_in: Mapping[str, Fingerprint],
    staff: Iterable[str] = (),
    names: Mapping[str, str] | None = None,
    decisions: Iterable[Decision] = (),
) -> Result:
    """What a class has in common in which everybody hands in once."""
    everybody = [
        person(one, attempt(f"of {one}", one, late_h=-1), name=(names or {}).get(one, ""))
        for one in handed_in
    ]
    people = People(
        tuple(p for p in everybody if p.id not in staff),
        tuple(p for p in everybody if p.id in staff),
    )
    contents = {f"of {one}": one for one in handed_in}
    return result_of(people, handed_in, contents, [*decisions])


def pairs(result: Result) -> dict[tuple[str, ...], set[str]]:
    """The kinds of strong and possible evidence of each pair."""
    return {
        tuple(sorted(case.key)): {f.kind for f in case.findings if f.level != "expected"}
        for case in result.pairs
    }
