"""What a page has beside its words, and what is left of somebody else's."""

import base64

import pytest

from lab3.errors import LabError
from tools.report.page import page_of_others
from tools.report.structure import structured

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
ROWS = "<tr><td>x</td></tr>"


def test_headings_are_listed_and_linked() -> None:
    body = structured("<h1>R</h1><h2>One</h2><h3>Two</h3><h3>Three</h3><h2>Four</h2>", "en")
    assert body.count("<nav") == 1
    assert '<li><a href="#section-1">One</a><ul><li><a href="#section-2">Two</a></li>' in body
    assert '</ul></li><li><a href="#section-4">Four</a></li></ul></nav>' in body
    assert '<h3 id="section-3">Three</h3>' in body
    assert "<nav" not in structured("<h2>One</h2>", "en")


def test_a_numbered_caption_and_its_image_are_a_figure() -> None:
    body = structured("<p><img src='x'></p>\n<p><strong>Figure 1.</strong> So.</p>", "en")
    assert body.startswith("<figure><img src='x'><figcaption><strong>Figure 1.</strong> So.")
    plain = "<p><img src='x'></p>\n<p>Only words.</p>"
    assert structured(plain, "en") == plain


def test_long_folded_tables_go_to_the_appendix_and_short_ones_stay() -> None:
    def folded(rows: int) -> str:
        table = f"<table>{rows * ROWS}</table>"
        return f"<details><summary>Every layer</summary>{table}</details>"

    long = structured(f"<p>a</p>{folded(40)}<p>b</p>", "en")
    assert long.index("In the appendix") < long.index("<p>b</p>") < long.index("<details id=")
    assert "Appendix" not in structured(folded(5), "en")


def test_a_submitted_report_is_shown_with_its_figures_and_nothing_acts() -> None:
    text = b"# R\n\n![c](figures/c.png) ![d](figures/d.png) <script>alert(1)</script>"
    page, problems = page_of_others(text, None, {"figures/c.png": PNG})
    assert base64.b64encode(PNG).decode() in page
    assert "alert" not in page
    assert len(problems) == 1


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<img src="https://example.org/alert.png">',
        '<img src="data:text/html;base64,YWxlcnQ=">',
        '<a href="javascript:alert(1)">x</a>',
        '<style>@import "https://example.org/alert.css"</style>',
        '<iframe src="https://example.org/alert"></iframe>',
    ],
)
def test_a_page_of_somebody_s_own_loses_what_acts(evil: str) -> None:
    page, _ = page_of_others(None, f"<p>kept</p>{evil}".encode(), {})
    assert "<p>kept</p>" in page
    for word in ("alert", "YWxlcnQ", "<iframe", "onerror"):
        assert word not in page


def test_without_a_report_there_is_nothing_to_show() -> None:
    with pytest.raises(LabError, match=r"neither report\.md nor report\.html"):
        page_of_others(None, None, {})
