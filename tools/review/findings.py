"""What a review finds: plain data, sorted as people read it."""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Sure = Literal["certain", "likely", "possible"]
SURE: tuple[Sure, ...] = ("certain", "likely", "possible")
QUOTED = 90  # characters of a report that a finding repeats

RULES = {
    "section-missing": "The report has the six sections of the lab.",
    "section-order": "The sections come in the lab's order.",
    "prompt-unanswered": "Every question has an answer.",
    "placeholder": "No placeholder is left.",
    "image-missing": "Every image is there, and the curves are shown.",
    "image-broken": "Every image file is an image.",
    "cell-empty": "Every result in a table is filled in.",
    "accuracy-unit": "Percent columns hold percentages, not fractions.",
    "drop-arithmetic": "The drop is FP32's accuracy minus the network's, in percentage points.",
    "drop-sign": "The drop is positive when accuracy is lost.",
    "drop-unit": "The drop is in percentage points, not a fraction.",
    "drop-relative": "The drop is in percentage points, not relative to FP32.",
    "size-mib": "Sizes are decimal megabytes.",
    "size-scheme": "A file's size is that of the configuration that the report describes.",
    "compression": "The compression follows from the sizes.",
    "speed-up": "The speed-up follows from the latencies.",
    "claim-accuracy": "Accuracies in the text are those of the tables.",
    "claim-drop": "Drops in the text follow from the accuracies.",
    "claim-size": "Sizes in the text are those of the tables.",
    "claim-order": "What is said to be better is better.",
    "best-accuracy": "The best accuracy of the settings tried is that of the baseline compared.",
    "validation-as-test": "Test accuracy is measured on the test images.",
    "log-accuracy": "Accuracies are those of the run logs.",
    "log-drop": "Drops are those of the run logs.",
    "log-size": "Sizes are those of the run logs.",
    "log-latency": "Latencies are those of the run logs.",
    "log-hyperparameters": "Hyperparameters and epochs are those of the run logs.",
    "zero-point": "The zero point is 128 for quint8 and 0 for qint8.",
    "scale-formula": "The scale is 2*max(|min|, |max|)/255, approximated by 2**-S.",
    "scale-tiny": "Divided by a tiny scale values saturate; they don't become 0.",
    "shift-range": "S stays within 0 and max_shift_amount, which is 8.",
    "shift-rounding": "S is rounded to the nearest integer.",
    "shift-direction": "The scale is applied by a right shift.",
}


class Finding(BaseModel):
    """One thing in a report that is wrong, missing, or worth a look.

    ``line`` counts from 1; ``section`` is 1 to 6, or 0 outside of the lab's sections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(description="the name that -k takes")
    line: int = Field(ge=1)
    section: int = Field(ge=0, le=6)
    says: str = Field(description="a short quotation; empty where something is missing")
    should: str = Field(description="what the report should say instead")
    why: str
    sure: Sure


class Review(BaseModel):
    """All findings on a report, in the order of its lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: str
    findings: tuple[Finding, ...]

    def count(self, sure: Sure) -> int:
        return sum(finding.sure == sure for finding in self.findings)


def json_schema() -> str:
    """Return the JSON Schema of a review."""
    return json.dumps(Review.model_json_schema(), indent=2)


def quote(text: str) -> str:
    """Return a piece of a report in one line, shortened."""
    words = " ".join(text.split())
    return words if len(words) <= QUOTED else words[: QUOTED - 3].rstrip() + "..."
