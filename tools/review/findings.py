"""What a review finds: plain data, sorted as people read it."""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Sure = Literal["certain", "likely", "possible"]
SURE: tuple[Sure, ...] = ("certain", "likely", "possible")
QUOTED = 90  # characters of a report that a finding repeats
WEIGHTS = {1: 10, 2: 10, 3: 20, 4: 25, 5: 25, 6: 10}  # of the sections, in percent of the report


class Finding(BaseModel):
    """One thing in a report that is wrong, missing, or worth a look.

    Lines count from 1; ``section`` is 1 to 6, or 0 outside of the lab's sections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(description="the name that -k takes")
    line: int = Field(ge=1, description="where to look first")
    lines: tuple[int, ...] = Field(description="every line that takes part, in order")
    section: int = Field(ge=0, le=6)
    weight: int = Field(ge=0, le=100, description="of the section, in percent of the report")
    says: str = Field(description="a short quotation; empty where something is missing")
    should: str = Field(description="what the report should say instead")
    why: str
    sure: Sure


class Review(BaseModel):
    """All findings on a report, in the order of its lines, and what was looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: str
    findings: tuple[Finding, ...]
    checked: tuple[str, ...] = Field(default=(), description="what was compared")
    unchecked: tuple[str, ...] = Field(default=(), description="what could not be, and why")

    def count(self, sure: Sure) -> int:
        return sum(finding.sure == sure for finding in self.findings)


def json_schema() -> str:
    """Return the JSON Schema of a review."""
    return json.dumps(Review.model_json_schema(), indent=2)


def quote(text: str) -> str:
    """Return a piece of a report in one line, shortened."""
    words = " ".join(text.split())
    return words if len(words) <= QUOTED else words[: QUOTED - 3].rstrip() + "..."
