"""What staff decided about pairs and single people: a file of theirs, which a rerun only reads."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lab3.errors import LabError
from lab3.log.runlog import write_atomically

DECISIONS_NAME = "decisions.toml"
HEAD = """\
# What staff decided, the newest last; lab3 integrity reads it, and adds to it with --mark.
# It changes no points and no evidence. Lines of yours are kept.
"""
Verdict = Literal["seen", "cleared", "confirmed", "suspected"]
VERDICTS: tuple[Verdict, ...] = ("seen", "cleared", "confirmed", "suspected")
Text = Annotated[str, Field(min_length=1)]
Who = frozenset[str]


class DecisionError(LabError):
    """The file of decisions can't be read; the text names it and the remedy."""


class Decision(BaseModel):
    """One decision about one student or two. ``evidence`` is what it was made about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    students: Annotated[tuple[Text, ...], Field(min_length=1, max_length=2)]
    decision: Verdict
    by: str = ""
    at: AwareDatetime | None = None
    why: str = ""
    evidence: str = ""

    def holds_for(self, evidence: str) -> bool:
        """Tell whether the evidence is still what it was made about."""
        return self.evidence in ("", evidence)


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision: tuple[Decision, ...] = ()


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """Return all decisions, oldest first; raise DecisionError for a file that isn't right."""
    try:
        return Document.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).decision
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DecisionError(f"{path} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DecisionError(f"{path}: not TOML: {error}: mend this line") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        raise DecisionError(
            f"{path}: {at}: {first['msg']}: write students, decision (one of {', '.join(VERDICTS)})"
            " and why"
        ) from None


def newest(decisions: Iterable[Decision]) -> Mapping[Who, Decision]:
    """Return the last decision about each one or two students."""
    return {frozenset(one.students): one for one in decisions}


def add_decision(path: Path, decision: Decision) -> None:
    """Write a decision behind all others; what is there stays byte for byte."""
    before = path.read_text(encoding="utf-8") if path.exists() else HEAD
    at = (decision.at or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    lines = [
        "",
        "[[decision]]",
        f"students = [{', '.join(map(quoted, decision.students))}]",
        f"decision = {quoted(decision.decision)}",
        f"why = {quoted(decision.why)}",
        f"by = {quoted(decision.by)}",
        f"at = {at.isoformat()}",
        f"evidence = {quoted(decision.evidence)}",
    ]
    text = before.rstrip("\n") + "\n" + "\n".join(lines) + "\n"
    tomllib.loads(text)  # a file that was damaged meanwhile is not made worse
    write_atomically(path, lambda file: file.write(text.encode()))
    path.chmod(0o600)


def quoted(text: str) -> str:
    """Return a text as TOML has it: JSON's escapes are TOML's, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
