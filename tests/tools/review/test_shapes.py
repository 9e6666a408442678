"""Reports in other shapes than Markdown, and what stands around a report's text."""

import json
from pathlib import Path

import pytest

from tests.conftest import Command
from tools.review import review, review_file
from tools.review.reading.encodings import ReportError
from tools.review.reading.shapes import as_markdown

ROWS = (("FP32", "93.80"), ("PTQ", "93.10"), ("QAT", "93.50"))
CLAIM = "PTQ is more accurate than QAT."


def rules_of(path: Path) -> dict[str, int]:
    return {finding.rule: finding.line for finding in review_file(path).findings}


def test_an_html_page_keeps_its_lines(tmp_path: Path) -> None:
    cells = "\n".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in ROWS)
    path = tmp_path / "report.html"
    path.write_text(
        f"<!DOCTYPE html><html><body>\n<h2>5. Comparison</h2>\n<table>\n"
        f"<tr><th>Model</th><th>Accuracy (%)</th></tr>\n{cells}\n</table>\n<p>{CLAIM}</p>\n"
        "</body></html>\n"
    )
    assert rules_of(path)["claim-order"] == 9


def test_a_notebook_is_read_with_its_outputs(tmp_path: Path) -> None:
    shown = "Model   Accuracy\n" + "\n".join(f"{name}    {value}" for name, value in ROWS)
    cells = [
        {"cell_type": "markdown", "source": ["## 5. Comparison\n", "\n", "See below."]},
        {"cell_type": "code", "source": "print(table)", "outputs": [{"text": shown}]},
        {"cell_type": "markdown", "source": CLAIM},
    ]
    path = tmp_path / "report.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    assert "claim-order" in rules_of(path)
    path.write_text("{}")
    with pytest.raises(ReportError, match="no notebook"):
        review_file(path)


def test_word_documents_and_pdf_need_their_library_or_are_read(tmp_path: Path) -> None:
    for name in ("report.docx", "report.pdf"):
        (tmp_path / name).write_bytes(
            b"%PDF-1.4 nothing" if name.endswith("pdf") else b"PK nothing"
        )
        with pytest.raises(ReportError, match=r"documents|can't be read|pictures of text"):
            review_file(tmp_path / name)


def test_a_word_document_is_read_in_its_order(tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_heading("5. Comparison", level=2)
    table = document.add_table(rows=4, cols=2)
    for row, cells in zip(table.rows, (("Model", "Accuracy (%)"), *ROWS), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph(CLAIM)
    document.save(tmp_path / "report.docx")
    assert "claim-order" in rules_of(tmp_path / "report.docx")


def test_front_matter_and_directives_are_no_text(tmp_path: Path) -> None:
    table = "| Model | Accuracy (%) |\n|---|---|\n" + "".join(f"| {a} | {b} |\n" for a, b in ROWS)
    text = f"---\ntitle: TODO\ntags: lab3\n---\n\n[TOC]\n\n:::info\n{table}\n:::\n\n{CLAIM}\n"
    findings = review(text, tmp_path)
    assert {f.rule for f in findings} == {"claim-order"}
    (order,) = [f for f in findings if f.rule == "claim-order"]
    assert text.split("\n")[order.line - 1] == CLAIM


def test_markdown_is_read_as_it_is() -> None:
    assert as_markdown(b"# A\n", "report.md") == "# A\n"


def test_sarif_and_words_for_staff(tmp_path: Path, lab3: Command) -> None:
    path = tmp_path / "report.md"
    table = "| Model | Accuracy (%) |\n|---|---|\n" + "".join(f"| {a} | {b} |\n" for a, b in ROWS)
    path.write_text(f"## 5. Comparison\n\n{table}\n{CLAIM}\n")
    document = json.loads(
        lab3("review", path, "-k", "claim-order", "--format", "sarif", fails=1).stdout
    )
    (result,) = document["runs"][0]["results"]
    assert document["version"] == "2.1.0"
    assert result["ruleId"] == "claim-order"
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == 9
    staff = lab3("review", path, "-k", "claim-order", "--for", "staff", fails=1).stdout
    assert "25 % of the report" in staff
    assert "comment  Lines 6, 7, 9: PTQ is less accurate than QAT" in staff
    assert "verdict" not in lab3("review", path, "-k", "claim-order", fails=1).stdout


def test_a_report_without_a_finding_says_what_was_checked(tmp_path: Path, lab3: Command) -> None:
    path = tmp_path / "report.md"
    path.write_text("| Model | Accuracy (%) |\n|---|---|\n| FP32 | 93.80 |\n| PTQ | 93.10 |\n")
    shown = lab3("review", path, "-k", "claim").stdout
    assert "accuracy of FP32, PTQ, in tables, logs and sentences" in shown
    assert "size of FP32, PTQ, QAT: the report gives none" in shown
    assert shown.endswith("nothing found\n")
