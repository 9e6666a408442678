"""A review as SARIF 2.1.0, which editors and code hosts show beside the lines."""

import json
from typing import Any

from tools.review.findings import Finding, Review, Sure
from tools.review.rules.registry import RULES

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: dict[Sure, str] = {"certain": "error", "likely": "warning", "possible": "note"}


def sarif(review: Review) -> str:
    """Return the findings of a review as one SARIF run."""
    names = sorted({finding.rule for finding in review.findings})
    driver: dict[str, Any] = {
        "name": "lab3 review",
        "informationUri": "https://github.com/oasis-tcs/sarif-spec",
        "rules": [{"id": name, "shortDescription": {"text": RULES[name].claim}} for name in names],
    }
    results = [_result(review.report, finding, names) for finding in review.findings]
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _result(report: str, finding: Finding, names: list[str]) -> dict[str, Any]:
    others = [line for line in finding.lines if line != finding.line]
    return {
        "ruleId": finding.rule,
        "ruleIndex": names.index(finding.rule),
        "level": LEVELS[finding.sure],
        "message": {"text": f"should be: {finding.should}. {finding.why}"},
        "locations": [_location(report, finding.line, finding.says)],
        "relatedLocations": [_location(report, line, "") for line in others],
        "properties": {"section": finding.section, "weight": finding.weight, "sure": finding.sure},
    }


def _location(report: str, line: int, says: str) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": line}
    if says:
        region["snippet"] = {"text": says}
    uri = report.replace("\\", "/")
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
