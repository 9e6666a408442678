"""``plan.toml``: which runs the reference results of a profile are made of."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from autograder.rubric import line_of
from lab3.errors import LabError
from lab3.log.records import Hyperparameters
from lab3.selection import DataName
from tools.shared.options import Arch

PLAN_NAME = "plan.toml"
HYPERPARAMETERS = set(Hyperparameters.model_fields) - {"seed"}
Seed = Annotated[StrictInt, Field(ge=0, lt=10_000)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]


class PlanError(LabError):
    """A plan can't be used; the text names file, line and remedy."""


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PerChannel(Table):
    """For which seeds PTQ and QAT are done with PyTorch's per-channel configuration as well."""

    ptq: tuple[Seed, ...] = ()
    qat: tuple[Seed, ...] = ()


class Variants(Table):
    """Other ways to do PTQ than the lab's, for which of the seeds."""

    seeds: tuple[Seed, ...] = ()
    not_fused: bool = False
    max_shift_amount: tuple[Annotated[StrictInt, Field(ge=0, le=30)], ...] = ()
    calibration_images: tuple[Annotated[StrictInt, Field(ge=1)], ...] = ()


class Ablation(Table):
    """Training runs that differ in one setting each; the first value of each is the base's."""

    seeds: tuple[Seed, ...] = ()
    base: dict[str, Any] = Field(default_factory=dict)
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)


class Published(Table):
    """What somebody else has published: ``accuracy`` in percent, ``size_mb`` in megabytes."""

    network: Text
    accuracy: Annotated[float, Field(ge=0, le=100)]
    size_mb: float | None = None
    source: Text


class Plan(Table):
    """The whole file. ``fp32`` and ``qat`` hold what differs from the lab's recipes."""

    dataset: DataName
    arch: Arch
    width: Annotated[StrictInt, Field(ge=4)]
    seeds: Seeds
    device: Literal["cpu", "cuda"] = "cpu"
    fp32: dict[str, Any] = Field(default_factory=dict)
    qat: dict[str, Any] = Field(default_factory=dict)
    per_channel: PerChannel = PerChannel()
    variants: Variants = Variants()
    ablation: Ablation = Ablation()
    published: tuple[Published, ...] = ()
    remark: Text | None = None  # on what was published


REMEDIES = {  # what to write instead, by the kind of pydantic's error
    "bool_type": "write true or false",
    "dict_type": "write a table",
    "extra_forbidden": "there is no such setting",
    "int_type": "write a whole number",
    "missing": "is missing: add it",
    "model_type": "write a table",
    "string_type": "write it in quotes",
    "tuple_type": "write a list, such as [0, 1, 2]",
    "list_type": "write a list, such as [0.1, 0.0]",
    "too_short": "name one at least",
}


def load_plan(path: Path) -> Plan:
    """Return the plan in a file; raise PlanError, with the line, unless all of it is right."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise PlanError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PlanError(f"{path} is not UTF-8: save it as UTF-8") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path}: not TOML: {error}: mend this line") from None
    try:
        plan = Plan.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        keys = tuple(str(part) for part in first["loc"])
        given = "" if first["type"] == "missing" else f", got {first['input']!r}"
        remedy = REMEDIES.get(first["type"], first["msg"].replace("Input should", "it has to"))
        if first["type"] == "extra_forbidden":
            remedy, given = f"{remedy}: {proposal(keys)}", ""
        raise fault(path, text, keys, f"{remedy}{given}") from None
    for keys, complaint in faults(plan):
        raise fault(path, text, keys, complaint)
    return plan


def fault(path: Path, text: str, keys: tuple[str, ...], complaint: str) -> PlanError:
    """Return an error that names the line where ``keys`` stand."""
    named = tuple(key for key in keys if not key.isdigit())
    return PlanError(f"{path}:{line_of(text, named)}: {'.'.join(keys)}: {complaint}")


def proposal(keys: tuple[str, ...]) -> str:
    """Say which setting may have been meant."""
    tables: dict[str, type[Table]] = {
        "per_channel": PerChannel,
        "variants": Variants,
        "ablation": Ablation,
        "published": Published,
    }
    *outer, name = keys
    fields = list((tables[outer[0]] if outer else Plan).model_fields)
    near = difflib.get_close_matches(name, fields, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"


def faults(plan: Plan) -> list[tuple[tuple[str, ...], str]]:
    """Return what no single field can tell: unknown hyperparameters, seeds that aren't trained."""
    found: list[tuple[tuple[str, ...], str]] = []
    tables: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("fp32",), plan.fp32),
        (("qat",), plan.qat),
        (("ablation", "base"), plan.ablation.base),
        (("ablation", "vary"), plan.ablation.vary),
    ]
    for table, values in tables:
        for name, value in values.items():
            if name not in HYPERPARAMETERS:
                near = difflib.get_close_matches(name, sorted(HYPERPARAMETERS), 1)
                hint = f"did you mean {near[0]}?" if near else "see lab3 train --help"
                found.append(((*table, name), f"there is no such hyperparameter: {hint}"))
                continue
            for choice in value if table[-1] == "vary" else [value]:
                if complaint := complaint_about(name, choice):
                    found.append(((*table, name), complaint))
    if len(set(plan.seeds)) < len(plan.seeds):
        found.append((("seeds",), "a seed stands there twice: name each once"))
    chosen = {
        ("per_channel", "ptq"): plan.per_channel.ptq,
        ("per_channel", "qat"): plan.per_channel.qat,
        ("variants", "seeds"): plan.variants.seeds,
        ("ablation", "seeds"): plan.ablation.seeds,
    }
    for keys, seeds in chosen.items():
        for seed in seeds:
            if seed not in plan.seeds:
                found.append((keys, f"{seed} is not among seeds: add it there"))
    return found


def complaint_about(name: str, value: Any) -> str | None:
    """Return what is wrong with the value of a hyperparameter."""
    try:
        Hyperparameters.model_validate({name: value})
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].replace("Input should", "it has to")
        return f"{message}, got {value!r}"
    return None
